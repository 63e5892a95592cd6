// What is known, what was done, and what the server has not confirmed yet. No drawing in here.
//
// The server's word is `items` (a window of pictures around the one on screen); `pending` holds the operations it has
// not confirmed. What is shown is always the one with the other on top, so nothing flickers when an answer arrives.

const IDLE_MS = 15000; // a longer pause is no work (the same as vision_core.data.effort.IDLE_S)
const RESEND_MS = 4000;
const KEPT_PICTURES = 10;
const MOST_SENT = 1000; // operations a message; the server refuses a message of more than 5000

// Seconds in which somebody moved, pressed or scrolled here; pauses and hidden tabs do not count.
class Clock {
  constructor() {
    this.spent_ms = 0;
    this.last = performance.now();
  }

  tick() {
    const now = performance.now();
    const gap = now - this.last;
    if (gap < IDLE_MS && !document.hidden) this.spent_ms += gap;
    this.last = now;
  }

  take() {
    this.tick();
    const seconds = this.spent_ms / 1000;
    this.spent_ms = 0;
    return Math.round(seconds * 1000) / 1000;
  }
}

class Model {
  constructor() {
    this.client = Array.from(crypto.getRandomValues(new Uint32Array(2)), (n) => n.toString(36)).join("");
    this.clock = new Clock();
    this.sequence = 0;
    this.pending = [];
    this.items = new Map(); // place in the queue -> picture
    this.pixels = new Map(); // path -> address of its pixels, the most recently shown last
    this.trail = []; // where something was done, for undo
    this.place = 0;
    this.nonce = null;
    this.turned_at = null; // where it was when it asked the server to decide where to go
    this.mode = "detection";
    this.single = true;
    this.auto = false;
    this.asked = null; // the path that proposals were asked for
    this.jumps = 0;
    this.selected = null;
    this.class_name = null;
    this.draft = null; // {id, xyxy} of the box under the pointer or the arrow keys
    this.saved_at = null;
    this.trouble = "";
    this.added = ""; // the class that an accepted proposal has just added
    this.touched_here = false;
    this.changed = () => {};
    this.set_state = () => {};
  }

  // Takes the server's word.
  receive(data) {
    this.data = data;
    if (data.acked && data.acked.client === this.client) {
      const before = this.pending.length;
      this.pending = this.pending.filter((sent) => sent.sequence > data.acked.sequence);
      const confirmed = before - this.pending.length;
      if (confirmed) this.saved_at = new Date();
      this.trouble = "";
      if (confirmed && before > MOST_SENT) this.send(); // those that did not fit into the message
    }
    if (data.trouble) this.trouble = data.trouble;
    for (const [path, url] of Object.entries(data.pixels)) this.pixels.set(path, url);
    if (this.nonce !== data.queue.nonce) this.#turn(data.queue);
    this.items = new Map(data.items.map((item) => [item.place, item]));
    for (const path of [...this.pixels.keys()]) {
      const near = data.items.some((item) => item.path === path);
      if (this.pixels.size > KEPT_PICTURES && !near) this.pixels.delete(path);
    }
    const names = data.classes.map((one) => one.name);
    if (!names.includes(this.class_name) && !this.pending.some((sent) => sent.class_name === this.class_name)) {
      this.class_name = names[0] ?? null;
    }
    const missing = data.items.some((item) => item.place === this.place && !item.error && !this.pixels.has(item.path));
    if (missing || (data.queue.length && !this.items.has(this.place))) this.#request();
    if (this.asked && this.item?.proposals) this.asked = null;
    this.changed();
  }

  // Goes where the server says, and as many pictures further as its user went while it was asked.
  #turn({ nonce, place, mode, single, length }) {
    const further = this.turned_at === null ? 0 : this.place - this.turned_at;
    Object.assign(this, { nonce, mode, single, turned_at: null });
    this.place = Math.min(Math.max(place + further, 0), Math.max(length - 1, 0));
    this.settle();
    if (further) this.send();
  }

  // Asks for the picture on screen, not more than once a while: it may be one that cannot be had.
  #request() {
    if (this.requested === this.place) return;
    this.requested = this.place;
    setTimeout(() => (this.requested = null), 2000);
    this.send();
  }

  get item() {
    return this.items.get(this.place) ?? null;
  }

  get classes() {
    const known = this.data ? [...this.data.classes] : [];
    for (const { kind, class_name } of this.pending) {
      if (kind === "class" && !known.some((one) => one.name === class_name)) {
        known.push({ name: class_name, colour: "#8a94a0", ink: "#000000" });
      }
    }
    return known;
  }

  // The picture on screen as it will be once everything is confirmed.
  get view() {
    const item = this.item;
    if (!item) return null;
    let now = { labels: item.labels, boxes: item.boxes, searched: item.searched, answered: item.answered };
    const past = [];
    for (const done of this.pending) {
      if (done.image !== item.path) continue;
      if (done.kind === "undo") {
        const group = past.at(-1)?.group;
        do now = past.pop()?.now ?? now;
        while (group && past.at(-1)?.group === group);
      } else if (done.kind !== "redo" && done.kind !== "left") {
        past.push({ group: done.group, now });
        now = after(now, done);
      }
    }
    const draft = this.draft;
    const boxes = now.boxes.map((box) => (draft && box.id === draft.id ? { ...box, xyxy: draft.xyxy } : box));
    const shown = (item.proposals ?? []).filter((one) => !now.answered.includes(one.id));
    return { ...now, item, boxes, proposals: this.mode === "detection" ? shown : [] };
  }

  // How the detector is doing on the picture on screen, in words.
  get finding() {
    const { item } = this;
    if (this.mode !== "detection" || !item || item.error) return "";
    if (this.added) return `“${this.added}” was no class here yet, so it was added.`;
    const asked = this.asked === item.path || (this.auto && this.data.can_propose);
    if (asked && !item.proposals) return "Looking for objects …";
    return item.seen === 0 ? "The detector found nothing here that it is sure of." : "";
  }

  // Does one thing, shows it at once and tells the server.
  act(kind, values = {}) {
    if (kind !== "class" && !values.image && !this.item) return;
    this.commit();
    this.#push(kind, values);
    this.send();
    this.changed();
  }

  // Several things that are undone together.
  act_all(list) {
    this.commit();
    const group = list.length > 1 ? `${this.client}:g${this.sequence + 1}` : "";
    for (const [kind, values] of list) this.#push(kind, { ...values, group });
    this.send();
    this.changed();
  }

  #push(kind, values) {
    const item = this.item;
    this.sequence += 1;
    const operation = { id: `${this.client}:${this.sequence}`, kind, seconds: this.clock.take(), ...values };
    if (kind !== "class") operation.image ??= item.path;
    this.pending.push({ sequence: this.sequence, ...operation });
    if (["class", "left", "undo", "redo"].includes(kind)) return;
    this.touched_here = true;
    const { place } = this;
    const { image: path, group } = operation;
    if (!group || this.trail.at(-1)?.group !== group) this.trail.push({ place, path, group });
  }

  // Writes down where the arrow keys have moved a box to.
  commit() {
    const draft = this.draft;
    if (!draft || !draft.nudged) return;
    this.draft = null;
    this.#push("move", { box: draft.id, box_xyxy: draft.xyxy });
    this.send();
  }

  undo() {
    this.commit();
    const last = this.trail.pop();
    if (last) this.go(last.place);
    this.act("undo", last ? { image: last.path } : {});
  }

  redo() {
    if (this.item?.can_redo || this.pending.some((done) => done.kind === "undo")) {
      this.act("redo");
      if (this.item) this.trail.push({ place: this.place, path: this.item.path });
    }
  }

  go(place) {
    const length = this.data?.queue.length ?? 0;
    if (place < 0 || place >= length || place === this.place) return;
    this.leave();
    this.place = place;
    this.settle();
    this.send();
    this.changed();
  }

  // Notes the seconds that looking at a picture took besides what was done to it.
  leave() {
    this.commit();
    if (!this.touched_here || !this.item) return;
    const seconds = this.clock.take();
    if (seconds > 0.05) this.#push("left", { task: this.mode, seconds });
  }

  settle() {
    this.touched_here = false;
    this.added = "";
    this.selected = null;
    this.draft = null;
    this.clock.take();
  }

  jump() {
    this.leave();
    this.jumps += 1;
    this.turned_at = this.place;
    this.send();
  }

  change_mode(mode) {
    if (mode === this.mode) return;
    this.leave();
    this.settle();
    this.mode = mode;
    this.turned_at = this.place;
    this.send();
    this.changed();
  }

  propose() {
    if (!this.item || !this.data.can_propose) return;
    this.asked = this.item.path;
    this.send();
    this.changed();
  }

  // What is not confirmed yet goes along each time, the oldest first: a message that was lost costs nothing.
  send() {
    const sent = this.pending.slice(0, MOST_SENT);
    const operations = sent.map(({ sequence, ...operation }) => operation);
    const sequence = sent.at(-1)?.sequence ?? this.sequence;
    const path = this.item?.path ?? null;
    const { client, place, mode, single, auto, asked, jumps, nonce } = this;
    const has = [...this.pixels.keys()];
    this.set_state("outbox", {
      client, sequence, operations, place, path, mode, single, auto, asked, jumps, nonce, has,
    });
    clearTimeout(this.again);
    if (this.pending.length) {
      this.again = setTimeout(() => {
        if (!this.pending.length) return;
        this.trouble = "Not saved yet, trying again";
        this.send();
        this.changed();
      }, RESEND_MS);
    }
  }
}

// One operation on a picture, as vision_core.data.labelling.changed does it.
function after(now, done) {
  const others = now.boxes.filter((box) => box.id !== done.box);
  const one = (change) => now.boxes.map((box) => (box.id === done.box ? { ...box, ...change } : box));
  switch (done.kind) {
    case "labels":
      return { ...now, labels: done.labels ?? null };
    case "searched":
      return { ...now, searched: done.searched || now.boxes.length > 0 };
    case "add":
    case "accept": {
      const box = { id: done.box, class_name: done.class_name, xyxy: done.box_xyxy };
      const answered = done.kind === "accept" ? [...now.answered, done.box] : now.answered;
      return { ...now, boxes: [...others, box], searched: true, answered };
    }
    case "reject":
      return { ...now, answered: [...now.answered, done.box] };
    case "delete":
      return { ...now, boxes: others };
    case "reclass":
      return { ...now, boxes: one({ class_name: done.class_name }) };
    default:
      return { ...now, boxes: one({ xyxy: done.box_xyxy }) };
  }
}
