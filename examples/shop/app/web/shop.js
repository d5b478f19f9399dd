// Fills the page: the shelves from /api/items, the version from the answer's own header.
const price = new Intl.NumberFormat(undefined, { style: "currency", currency: "EUR" });
const notice = document.querySelector("#notice");

function card(item) {
  const entry = document.createElement("li");
  entry.append(
    element("h2", item.name),
    element("p", item.description),
    element("span", price.format(item.priceCents / 100), "price"),
  );
  return entry;
}

function element(name, text, className = "") {
  return Object.assign(document.createElement(name), { textContent: text, className });
}

async function show() {
  const response = await fetch("/api/items");
  document.querySelector("#version").textContent = response.headers.get("x-shop-version");
  if (!response.ok) throw new Error(`the catalogue answered ${response.status}`);
  const { items } = await response.json();
  document.querySelector("#items").replaceChildren(...items.map(card));
  notice.textContent = "";
}

show().catch((error) => {
  notice.textContent = `The shelves could not be fetched: ${error.message}. Please try again.`;
});
