-- Portable between PostgreSQL and SQLite. Prices are whole cents, times are milliseconds since 1970.
CREATE TABLE items (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  price_cents INTEGER NOT NULL
);

CREATE TABLE users (
  name TEXT PRIMARY KEY,
  password_hash TEXT NOT NULL
);

CREATE TABLE orders (
  id TEXT PRIMARY KEY,
  user_name TEXT NOT NULL REFERENCES users (name),
  item_id INTEGER NOT NULL REFERENCES items (id),
  quantity INTEGER NOT NULL,
  placed_at_ms BIGINT NOT NULL
);

INSERT INTO items (id, name, description, price_cents) VALUES
  (1, 'Brass lock key', 'Cut by hand, fits every gate on the lower canal.', 1250),
  (2, 'Mooring rope', 'Twelve metres of three-strand hemp, spliced eye.', 2890),
  (3, 'Storm lantern', 'Burns eleven hours, survives being dropped.', 4600),
  (4, 'Enamel mug', 'White with a blue rim, chips with dignity.', 990),
  (5, 'Canal chart', 'All ninety locks from the basin to the sea.', 1990),
  (6, 'Wool blanket', 'Heavy, grey, and warmer than it looks.', 7400),
  (7, 'Tin whistle', 'In D. The neighbours have been told.', 1450),
  (8, 'Boat hook', 'Ash pole, galvanised head, two metres.', 3350);

-- The password is "demo"; the cost is low because a laptop logs in twenty times a second during the demonstration.
INSERT INTO users (name, password_hash) VALUES
  ('demo', 'scrypt$1024$5f1d7c0a9be24f6682c3d1a07e94b85c$4eb85aad86046044b9910ca0fa558b2d00fdf7ff9c4e0e7e9469a1ed8a7366da');
