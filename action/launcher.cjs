// Written from action/src by scripts/bundle-action.ts. It has no dependencies.
let node_child_process = require("node:child_process");
let node_os = require("node:os");
let node_path = require("node:path");
let node_readline = require("node:readline");
let node_fs = require("node:fs");
let node_crypto = require("node:crypto");

// src/domain/outcome.ts
const exitCodes = {
	succeeded: 0,
	failed: 1,
	usage: 2,
	refused: 3,
	rolledBack: 4,
	rollbackFailed: 5,
	undecided: 6,
	lockHeld: 7,
	waitingForApproval: 8,
	cancelled: 9,
	followingStopped: 130
};

// action/src/artifacts.ts
/** D7: what a deployment wrote, in folders with the names under which the source systems uploaded it. */
/** The first that fits; whatever is left belongs to the deployment's own logs. */
const places = [
	[/^backup/, "backup-logs"],
	[/^migration/, "migration-logs"],
	[/^build/, "build-logs"],
	[/^(rollout\.log|verdict)/, "rollout-logs"],
	[/^health-check/, "health-check-logs"],
	[/^smoke/, "smoke-test-logs"],
	[/^monitoring/, "monitoring-report"],
	[/^rollback\.log$/, "rollback-logs"],
	[/^rollback-/, "rollback-instructions"],
	[/^deployment-record/, "deployment-record"],
	[/^(failure|incident)-report/, "deployment-failure-report"]
];
const artifactName = (file) => places.find(([pattern]) => pattern.test(file))?.[1] ?? "deployment-logs";
/** Copies them below `to` and returns it; undefined where there is nothing. */
function gatherArtifacts(folder, to) {
	const files = (0, node_fs.readdirSync)(folder, { withFileTypes: true }).filter((entry) => entry.isFile());
	for (const { name } of files) {
		const place = (0, node_path.join)(to, artifactName(name));
		(0, node_fs.mkdirSync)(place, { recursive: true });
		(0, node_fs.copyFileSync)((0, node_path.join)(folder, name), (0, node_path.join)(place, name));
	}
	return files.length === 0 ? void 0 : to;
}

// action/src/inputs.ts
const commandNames = [
	"deploy",
	"rollback",
	"status",
	"schedule",
	"validate",
	"check-workflows"
];
/** What is wrong with how the Action is used; it ends with exit code 2, as everything of that kind does. */
var Misuse = class extends Error {};
/** No range and no name of a moving thing: what runs in production is what somebody has read. */
const exactVersion = /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]{1,60})?$/;
function readInputs(variables) {
	const given = (name) => (variables[`INPUT_${name.toUpperCase()}`] ?? "").trim();
	const version = given("version");
	if (!exactVersion.test(version)) throw new Misuse(`version is ${shown(version)}; it must be one exact version, as in 1.4.0: no range, no "latest".`);
	return {
		version,
		command: oneOf("command", given("command"), commandNames),
		cancel: oneOf("cancel", given("cancel") || "cancel", ["cancel", "detach"]),
		environment: given("environment"),
		release: given("release"),
		deployment: given("deployment"),
		approvals: given("approvals"),
		to: given("to"),
		reason: given("reason"),
		confirm: given("confirm"),
		project: given("project") || "."
	};
}
function oneOf(name, text, allowed) {
	const found = allowed.find((each) => each === text);
	if (found === void 0) throw new Misuse(`${name} is ${shown(text)}; it must be one of ${allowed.join(", ")}.`);
	return found;
}
const shown = (text) => JSON.stringify(text.slice(0, 60));
/** The words after `sluice`: an argv, in which a text of the workflow is always the value of its option, never an option itself. */
function wordsFor(inputs) {
	switch (inputs.command) {
		case "deploy": return inputs.deployment === "" ? deployWords(inputs) : [
			"resume",
			"--json",
			"--",
			inputs.deployment
		];
		case "rollback": return rollbackWords(inputs);
		case "status": return [
			"status",
			"--",
			...inputs.environment === "" ? [] : [inputs.environment]
		];
		case "schedule": return ["schedule", "run"];
		case "validate": return ["validate"];
		case "check-workflows": return ["workflows", "--check"];
	}
}
/** Whose end is a deployment's end. The others say something and leave. */
const deploys = ({ command }) => command === "deploy" || command === "rollback";
function deployWords({ environment, release, approvals }) {
	needed({
		environment,
		release
	});
	return [
		"deploy",
		"--no-foreground",
		"--json",
		...approvals === "" ? [] : [`--approvals=${approvals}`],
		"--",
		environment,
		release
	];
}
function rollbackWords({ environment, to, reason, confirm }) {
	needed({
		environment,
		reason,
		confirm
	});
	const target = to === "" ? [] : [`--to=${to}`];
	const said = [`--reason=${reason}`, `--confirm=${confirm}`];
	return [
		"rollback",
		"--no-foreground",
		"--json",
		...target,
		...said,
		"--",
		environment
	];
}
function needed(values) {
	const missing = Object.keys(values).filter((name) => values[name] === "");
	if (missing.length > 0) throw new Misuse(`${missing.join(" and ")} must be given for this command.`);
}

// src/domain/untrusted-text.ts
/**
* Text that others wrote (a log, a response body, a commit message), made safe for a terminal, a CI log and a record: no
* escape sequences, no control characters but line feed and tab, no characters that reverse the reading direction, and no
* workflow commands that a CI runner would obey.
*/
const sequences = /(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|\x1b[ -/]*[0-~]?|[\x00-\x08\x0b-\x1f\x7f-\x9f]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
/** A CI runner trims the line before it looks for `::`, and finds `##[` and `##vso[` anywhere in it. */
function stripControl(text) {
	return text.replace(sequences, "").replace(/^([^\S\n\u2028\u2029]*):(?=:)/gm, "$1: ").replace(/##(?=(?:vso)?\[)/g, "# #");
}
/**
* At most `most` characters as they are written by `write` (an escape takes more than one), cut where it says so. Whole characters
* only, so that no half of an escape or of a surrogate pair is left.
*/
function cutVisibly(text, most, write = (same) => same) {
	const cut = " … (cut)";
	const written = [...text].map(write);
	if (written.reduce((sum, { length }) => sum + length, 0) <= most) return written.join("");
	let room = most - 8;
	const fits = written.findIndex(({ length }) => {
		room -= length;
		return room < 0;
	});
	return `${written.slice(0, fits).join("")}${cut}`;
}

// action/src/runner.ts
/**
* What is said to GitHub's runner: log lines that it cannot take for its own commands, and at the end outputs, annotations and the
* job's summary, each cut visibly at GitHub's limit rather than dropped by it.
*/
/** GitHub shows ten of each kind from one step; the last one of the errors is kept for how it ended. */
const mostAnnotations = 10;
const mostMessage = 4e3;
const mostTitle = 200;
/** Of one step's summary; what is larger is refused as a whole. */
const mostSummaryBytes = 1048576;
/** `write` ends lines itself. */
function openRunner(files, write) {
	const annotations = [];
	const token = (0, node_crypto.randomUUID)();
	write(`::stop-commands::${token}`);
	return {
		log(text) {
			for (const line of stripControl(text).split("\n")) write(line);
		},
		annotate: (annotation) => void annotations.push(annotation),
		finish({ outputs, summary, last }) {
			write(`::${token}::`);
			for (const each of shownOf(annotations, last)) write(annotationLine(each));
			if (files.GITHUB_STEP_SUMMARY) (0, node_fs.appendFileSync)(files.GITHUB_STEP_SUMMARY, cutBytes(summary, mostSummaryBytes));
			if (files.GITHUB_OUTPUT) (0, node_fs.appendFileSync)(files.GITHUB_OUTPUT, outputText(outputs));
		}
	};
}
function shownOf(annotations, last) {
	const first = [
		"notice",
		"warning",
		"error"
	].flatMap((kind) => {
		const room = mostAnnotations - (last?.kind === kind ? 1 : 0);
		return annotations.filter((each) => each.kind === kind).slice(0, room);
	});
	return last === void 0 ? first : [...first, last];
}
function annotationLine({ kind, title, message, file, line }) {
	return `::${kind} ${[
		...file === void 0 ? [] : [`file=${property(file)}`],
		...line === void 0 ? [] : [`line=${line}`],
		`title=${property(cutVisibly(oneLine(title), mostTitle))}`
	].join(",")}::${data(cutVisibly(stripControl(message), mostMessage))}`;
}
const oneLine = (text) => stripControl(text).replace(/\s+/g, " ");
const data = (text) => text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
const property = (text) => data(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
/** A value may hold anything, its own end mark excepted, which nobody can guess. */
function outputText(outputs) {
	return Object.entries(outputs).map(([name, value]) => {
		const end = `end-${(0, node_crypto.randomUUID)()}`;
		return `${name}<<${end}\n${value}\n${end}\n`;
	}).join("");
}
/** Whole lines, and a last one that says what became of the rest. */
function cutBytes(text, most) {
	if (Buffer.byteLength(text) <= most) return text;
	const note = "\n\n… cut: GitHub takes no more. The whole is in the uploaded artifact and in the deployment's folder.\n";
	const fence = "\n```";
	let room = most - Buffer.byteLength(note) - 4;
	const lines = text.split("\n");
	const kept = lines.slice(0, lines.findIndex((line) => {
		room -= Buffer.byteLength(line) + 1;
		return room < 0;
	}));
	const isOpen = kept.filter((line) => line.startsWith("```")).length % 2 === 1;
	return `${kept.join("\n")}${isOpen ? fence : ""}${note}`;
}

// action/src/starter.ts
/**
* How Sluice is started on this runner: the one place that knows. Today that is the command line with a ledger in PostgreSQL; what
* asks a server instead would be another starter, and nothing else of the launcher would notice.
*
* The program lies in the runner's tool cache, not in its temporary folder: a deployment's own process outlives the job, and
* runners empty that folder between jobs.
*/
function chooseStarter({ version, command }, variables) {
	const ownFolder = variables["RUNNER_TOOL_CACHE"];
	if (!ownFolder) throw new Misuse("RUNNER_TOOL_CACHE is not set: this runs as a step of a GitHub job.");
	if (command !== "validate" && command !== "check-workflows") refuseForgetful(variables);
	const folder = (0, node_path.join)(ownFolder, "sluice", version, process.arch);
	const done = `${folder}.complete`;
	if (!(0, node_fs.existsSync)(done)) {
		install(version, folder, variables);
		(0, node_fs.writeFileSync)(done, "");
	}
	return {
		argv: [nodeFor(variables), mainOf((0, node_path.join)(folder, "node_modules", "sluice"), version)],
		variables: ownOf(variables)
	};
}
/** A ledger on a machine that is thrown away holds no lock, no approval and no version to go back to. */
function refuseForgetful({ RUNNER_ENVIRONMENT, SLUICE_DATABASE_URL }) {
	if (RUNNER_ENVIRONMENT !== "github-hosted" || SLUICE_DATABASE_URL) return;
	throw new Misuse("This runner is thrown away after the job, and with it a ledger of its own. Give the step SLUICE_DATABASE_URL, from a secret, with the URL of a PostgreSQL database that stays; or use a runner of your own.");
}
function install(version, folder, variables) {
	const started = Date.now();
	const fresh = `${folder}.${process.pid}`;
	(0, node_fs.mkdirSync)(fresh, { recursive: true });
	(0, node_fs.writeFileSync)((0, node_path.join)(fresh, "package.json"), "{ \"private\": true }\n");
	const words = [
		"install",
		"--ignore-scripts",
		"--no-audit",
		"--no-fund",
		"--save-exact",
		"--",
		`sluice@${version}`
	];
	try {
		(0, node_child_process.execFileSync)("npm", words, {
			cwd: fresh,
			env: ownOf(variables),
			stdio: [
				"ignore",
				"ignore",
				"pipe"
			]
		});
	} catch (thrown) {
		(0, node_fs.rmSync)(fresh, {
			recursive: true,
			force: true
		});
		const said = String(thrown.stderr ?? thrown).slice(-1e3);
		throw new Misuse(`sluice@${version} could not be installed from npm: ${said}`);
	}
	(0, node_fs.rmSync)(folder, {
		recursive: true,
		force: true
	});
	(0, node_fs.mkdirSync)((0, node_path.dirname)(folder), { recursive: true });
	(0, node_fs.renameSync)(fresh, folder);
	console.log(`installed sluice ${version} in ${((Date.now() - started) / 1e3).toFixed(1)} s`);
}
/** What was installed must be what was asked for. */
function mainOf(folder, version) {
	const manifest = JSON.parse((0, node_fs.readFileSync)((0, node_path.join)(folder, "package.json"), "utf8"));
	const main = manifest.bin?.["sluice"];
	if (manifest.version !== version || main === void 0) throw new Misuse(`${folder} holds sluice ${manifest.version}, not ${version}. Remove that folder, and run it again.`);
	return (0, node_path.join)(folder, main);
}
/** The job's own Node where it is new enough: that of the runner is replaced whenever the runner updates itself. */
function nodeFor(variables) {
	try {
		const said = (0, node_child_process.execFileSync)("node", ["-e", "console.log(process.execPath + ' ' + process.versions.node)"], {
			encoding: "utf8",
			env: { PATH: variables["PATH"] }
		}).trim();
		const [, path, major, minor] = /^(.*) (\d+)\.(\d+)\./.exec(said) ?? [];
		if (path !== void 0 && Number(major) * 100 + Number(minor) >= 2218) return path;
	} catch {}
	return process.execPath;
}
/**
* Without the mark by which a runner ends everything a job has left, the deployed processes first of all; and without what only
* the runner and this launcher are to write to or to sign with.
*/
function ownOf(variables) {
	const kept = Object.entries(variables).filter(([name]) => !/^(INPUT_|ACTIONS_)|^RUNNER_TRACKING_ID$/.test(name));
	const files = [
		"GITHUB_ENV",
		"GITHUB_OUTPUT",
		"GITHUB_PATH",
		"GITHUB_STATE",
		"GITHUB_STEP_SUMMARY"
	];
	const person = variables["GITHUB_TRIGGERING_ACTOR"] || variables["GITHUB_ACTOR"];
	return {
		...Object.fromEntries(kept.filter(([name]) => !files.includes(name))),
		NO_COLOR: "1",
		...person ? { SLUICE_USER: person } : {}
	};
}

// action/src/told.ts
/** What the command line tells with `--json`, one object a line: log lines for people while it goes, and what it came to. */
const shownAs = {
	warn: "warning",
	bad: "error"
};
const signs = {
	info: "·",
	ok: "✓",
	warn: "!",
	bad: "✗"
};
/** @param onDeployment called once, as soon as there is one. */
function openTeller(runner, onDeployment) {
	let story = {};
	let beganAtMs;
	const learn = (more) => {
		const isFirst = story.deployment === void 0 && more.deployment !== void 0;
		story = {
			...story,
			...more
		};
		if (isFirst && more.deployment !== void 0) onDeployment(more.deployment);
	};
	const tellEvent = (line) => {
		beganAtMs ??= line.atMs;
		const text = eventText(line, beganAtMs ?? 0);
		if (text !== void 0) runner.log(text);
		const kind = line.phase === "begin" ? void 0 : shownAs[line.tone ?? "info"];
		if (kind) runner.annotate({
			kind,
			title: `Sluice: ${line.step ?? ""}`,
			message: line.title ?? ""
		});
	};
	const tell = (line) => {
		const { deployment, version, environment, next } = line;
		if (line.type === "event") return tellEvent(line);
		if (line.error) return tellError(line.error);
		learn(withoutUndefined({
			deployment,
			version,
			environment,
			next
		}));
		if (line.type === "created") runner.log(`${version} to ${environment}: deployment ${deployment}`);
		if (line.type === "resumed") runner.log(`going on with deployment ${deployment}`);
		const { outcome, servesNow, folder, failure } = line;
		if (line.type === "ended") learn(withoutUndefined({
			outcome,
			servesNow,
			folder,
			trouble: failure
		}));
	};
	const tellError = (error) => {
		learn({ trouble: error });
		for (const { file, line, what, fix } of error.faults ?? []) runner.annotate({
			kind: "error",
			title: `${file}: ${what}`,
			message: `${what}: ${fix}`,
			file,
			line
		});
	};
	return {
		story: () => story,
		hear(text) {
			const line = parsed(text);
			if (line === void 0) runner.log(text);
			else tell(line);
		}
	};
}
function parsed(text) {
	try {
		return JSON.parse(text);
	} catch {
		return;
	}
}
const withoutUndefined = (facts) => Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== void 0));
/** Begins and rounds that went well are left out: a log is read for what changed. */
function eventText({ phase, step = "", title = "", tone = "info", detail, atMs = 0 }, beganAtMs) {
	if (phase === "begin") return void 0;
	if (phase === "progress" && (detail?.verdict === "pass" || detail?.plan !== void 0)) return void 0;
	return `${`+${((atMs - beganAtMs) / 1e3).toFixed(1)}s`.padStart(9)} ${signs[tone]} ${step.padEnd(13)} ${title}`;
}
/** How it ended in one word, for a program. Only what has ended has an outcome of its own. */
function outcomeWord(story, code) {
	if (story.outcome !== void 0) return story.outcome;
	if (code === exitCodes.waitingForApproval) return "waiting";
	return code === exitCodes.followingStopped ? "detached" : "error";
}

// action/src/summary.ts
/** What people read when they open the job: the outcome first, then why, then the deployment's own report. */
/** What each exit code means to somebody who looks at a red or green job. */
const words = {
	[exitCodes.succeeded]: "It serves.",
	[exitCodes.failed]: "It failed before traffic moved. What did change is listed in the report.",
	[exitCodes.usage]: "Nothing was begun: the configuration or the call is wrong.",
	[exitCodes.refused]: "A gate refused it. Nothing was touched.",
	[exitCodes.rolledBack]: "It was rolled back. The version before serves.",
	[exitCodes.rollbackFailed]: "The rollback failed. A person is needed now.",
	[exitCodes.undecided]: "It could not be decided, which is no pass.",
	[exitCodes.lockHeld]: "Another deployment holds the environment.",
	[exitCodes.waitingForApproval]: "It waits for approval and has not been deployed. This job has ended; the deployment has not.",
	[exitCodes.cancelled]: "It was cancelled, has expired or was superseded.",
	[exitCodes.followingStopped]: "This job follows it no more. How it ends is not known here."
};
const codeWords = (code) => words[code] ?? "It ended in a way that is not known here.";
function endingAnnotation(story, code) {
	if (code === exitCodes.succeeded) return void 0;
	const { trouble, version, environment } = story;
	const kind = code === exitCodes.waitingForApproval || code === exitCodes.followingStopped ? "warning" : "error";
	const what = [version, environment].filter((word) => word !== void 0).join(" to ");
	const why = trouble ? `${trouble.message} (${trouble.code})\n${trouble.hint}` : story.next ?? "";
	return {
		kind,
		title: `Sluice${what === "" ? "" : `, ${what}`}: ${outcomeWord(story, code)}`,
		message: `${codeWords(code)}\n${why}`
	};
}
function deploymentSummary(story, code) {
	const { deployment, version, environment, servesNow, trouble } = story;
	const rows = Object.entries({
		environment,
		version,
		deployment,
		"serves now": servesNow,
		outcome: outcomeWord(story, code),
		"exit code": code
	}).filter(([, value]) => value !== void 0 && value !== null).map(([name, value]) => `| ${name} | ${cell(String(value))} |`);
	const why = trouble ? ["", ...fenced(`${trouble.message} (${trouble.code})\n${trouble.hint}`)] : [];
	const waits = code === exitCodes.waitingForApproval ? ["", ...howToGoOn(story)] : [];
	return [
		`## ${codeWords(code)}`,
		"",
		"| | |",
		"|---|---|",
		...rows,
		...why,
		...waits,
		"",
		reportOf(story.folder),
		""
	].join("\n");
}
const textSummary = (command, code, text) => [
	`## sluice ${command}`,
	"",
	...code === exitCodes.succeeded ? [] : [`Exit code ${code}.`, ""],
	...fenced(text),
	""
].join("\n");
const howToGoOn = ({ deployment = "" }) => [
	"1. Whoever may approve it does so where the project is, with the key that is known for them:",
	...fenced(`sluice approve ${deployment} --key ~/.ssh/id_ed25519`),
	"2. On a runner that stays it then goes on by itself. Otherwise, or to follow it to its end, run this workflow again with its id as `deployment`:",
	...fenced(deployment)
];
/** Longer than any run of backticks inside. */
function fenced(text) {
	const clean = stripControl(text).trimEnd();
	const longest = Math.max(2, ...[...clean.matchAll(/`+/g)].map(([run]) => run.length));
	const fence = "`".repeat(longest + 1);
	return [
		fence,
		clean,
		fence
	];
}
const cell = (text) => `<code>${stripControl(text).replace(/[&<>|\n]/g, (sign) => `&#${sign.charCodeAt(0)};`)}</code>`;
/** Whichever of them the deployment wrote. */
function reportOf(folder) {
	for (const name of [
		"incident-report.md",
		"failure-report.md",
		"stakeholder-summary.md"
	]) try {
		return (0, node_fs.readFileSync)((0, node_path.join)(folder ?? "", name), "utf8");
	} catch {}
	return "";
}

// action/src/launch.ts
/**
* The GitHub Action: starts an exact version of Sluice, follows what it does, and says at the end how it went: by the step's exit
* code, its outputs, annotations and summary. It decides nothing.
*/
async function main(variables) {
	const runner = openRunner(variables, console.log);
	try {
		const inputs = readInputs(variables);
		const words = wordsFor(inputs);
		const job = {
			inputs,
			variables,
			starter: chooseStarter(inputs, variables),
			runner
		};
		return await (deploys(inputs) ? deployment(job, words) : shortCommand(job, words));
	} catch (thrown) {
		if (!(thrown instanceof Misuse)) throw thrown;
		const story = { trouble: {
			code: "USAGE",
			message: thrown.message,
			hint: "See the inputs: action.yml"
		} };
		runner.log(`✗ ${thrown.message}`);
		return finish(runner, story, exitCodes.usage, void 0);
	}
}
async function deployment(job, words) {
	const { inputs, runner, variables } = job;
	for (const line of firstLines(job)) runner.log(line);
	let cancelNow = () => void 0;
	const teller = openTeller(runner, () => cancelNow());
	const following = start(job, words, {
		out: teller.hear,
		err: runner.log
	});
	const onSignals = signalsOf(job, following.child, () => teller.story().deployment);
	cancelNow = onSignals.deploymentIsKnown;
	const code = await following.ended;
	onSignals.close();
	const story = teller.story();
	const folder = story.folder && story.deployment;
	const to = (0, node_path.join)(variables["RUNNER_TEMP"] ?? ".", "sluice-artifacts", story.deployment ?? "");
	runner.log(`${codeWords(code)}${story.next ? ` Next: ${story.next}` : ""}`);
	if (story.trouble) runner.log(`✗ ${story.trouble.message} (${story.trouble.code})\n  ${story.trouble.hint}`);
	if (code === exitCodes.waitingForApproval) runner.log(`To go on later: run ${inputs.command} with deployment: ${story.deployment}`);
	return finish(runner, story, code, folder ? gathered(runner, story.folder ?? "", to) : void 0);
}
/** That files could not be copied changes nothing about how the deployment ended. */
function gathered(runner, folder, to) {
	try {
		return gatherArtifacts(folder, to);
	} catch (thrown) {
		runner.annotate({
			kind: "warning",
			title: "Sluice: no artifacts",
			message: `${folder} could not be copied: ${thrown}`
		});
		return;
	}
}
function finish(runner, story, code, artifacts) {
	const last = endingAnnotation(story, code);
	runner.finish({
		outputs: {
			deployment: story.deployment ?? "",
			outcome: outcomeWord(story, code),
			version: story.version ?? "",
			code: String(code),
			artifacts: artifacts ?? ""
		},
		summary: deploymentSummary(story, code),
		...last && { last }
	});
	return code;
}
/** Who asked, and what becomes of it without this job. */
function firstLines({ inputs, variables }) {
	const { version, command, environment, release, deployment: id, cancel } = inputs;
	const what = id === "" ? `${command} ${environment} ${release}`.trim() : `go on with ${id}`;
	const who = variables["GITHUB_TRIGGERING_ACTOR"] || variables["GITHUB_ACTOR"] || "somebody";
	const stays = variables["RUNNER_ENVIRONMENT"] !== "github-hosted";
	return [
		`Sluice ${version}: ${what}, asked for by ${who}`,
		stays ? `Runs in a process of its own on ${(0, node_os.hostname)()}, which stays: should this job or its runner be lost, it goes on. Follow it there: sluice logs ${environment || id} --follow` : "This runner is thrown away after the job: should it be lost, nobody goes on with the deployment until somebody types `sluice resume` beside the same ledger; an unattended router goes back by itself.",
		cancel === "cancel" ? "Cancelling this job cancels the deployment: what it did is undone in reverse." : "Cancelling this job only ends the following; the deployment goes on where its process lives."
	];
}
function start({ starter, inputs }, words, { out, err }) {
	const [program, ...before] = starter.argv;
	const child = (0, node_child_process.spawn)(program, [...before, ...words], {
		cwd: inputs.project,
		env: starter.variables,
		stdio: [
			"ignore",
			"pipe",
			"pipe"
		]
	});
	(0, node_readline.createInterface)({ input: child.stdout }).on("line", out);
	(0, node_readline.createInterface)({ input: child.stderr }).on("line", err);
	return {
		child,
		ended: new Promise((resolve, reject) => {
			child.once("error", (thrown) => reject(new Misuse(`${program} could not be started in ${inputs.project}: ${thrown.message}`)));
			child.once("close", (code) => resolve(code ?? exitCodes.followingStopped));
		})
	};
}
/**
* GitHub sends SIGINT when a job is cancelled, SIGTERM 7.5 s later, and kills another 2.5 s later: the first one is obeyed as
* configured, at the second one it is time to leave. The deployment's own process gets neither.
*/
function signalsOf(job, following, deploymentId) {
	const { inputs, runner, variables } = job;
	let received = 0;
	const run = [
		variables["GITHUB_SERVER_URL"],
		variables["GITHUB_REPOSITORY"],
		"actions/runs",
		variables["GITHUB_RUN_ID"]
	].join("/");
	const cancel = () => {
		const id = deploymentId();
		if (id === void 0) return;
		start(job, [
			"cancel",
			"--json",
			`--reason=The job was cancelled: ${run}`,
			"--",
			id
		], {
			out: () => void 0,
			err: runner.log
		}).ended.catch((thrown) => runner.log(String(thrown)));
	};
	const onSignal = () => {
		received += 1;
		const leaves = inputs.cancel === "detach" || received > 1;
		runner.log(leaves ? "This job was cancelled; it follows no more." : "This job was cancelled; so is the deployment.");
		if (leaves) following.kill("SIGINT");
		else cancel();
	};
	process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
	return {
		/** It was cancelled before it had a name. */
		deploymentIsKnown: () => received === 1 && inputs.cancel === "cancel" ? cancel() : void 0,
		close: () => void process.off("SIGINT", onSignal).off("SIGTERM", onSignal)
	};
}
/** Something that says what it has to say and leaves. */
async function shortCommand(job, words) {
	const { runner, inputs } = job;
	const lines = [];
	const hear = (line) => {
		lines.push(line);
		runner.log(line);
	};
	const running = start(job, words, {
		out: hear,
		err: hear
	});
	const stop = () => void running.child.kill("SIGTERM");
	process.on("SIGINT", stop).on("SIGTERM", stop);
	const code = await running.ended;
	const failed = {
		kind: "error",
		title: `sluice ${inputs.command}: exit code ${code}`,
		message: lines.slice(-20).join("\n")
	};
	runner.finish({
		outputs: {
			deployment: "",
			outcome: code === exitCodes.succeeded ? "succeeded" : "error",
			version: "",
			code: String(code),
			artifacts: ""
		},
		summary: textSummary(inputs.command, code, lines.join("\n")),
		...code === exitCodes.succeeded ? {} : { last: failed }
	});
	return code;
}
async function run() {
	process.exitCode = await main(process.env);
}
run();
