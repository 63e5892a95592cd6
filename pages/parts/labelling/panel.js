// What surrounds the picture: tools above it, classes beside it, progress and help below it, and the keys.

const ICONS = {
  previous: "M15 5l-7 7 7 7",
  next: "M9 5l7 7-7 7",
  jump: "M5 5l7 7-7 7M12 5l7 7-7 7",
  undo: "M9 14L4 9l5-5M4 9h10a6 6 0 010 12h-3",
  redo: "M15 14l5-5-5-5M20 9H10a6 6 0 000 12h3",
  remove: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v6M14 11v6",
  wider: "M5 12h14M12 5v14",
  smaller: "M5 12h14",
  fit: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  propose: "M12 3l1.9 5.6L19.5 10.5l-5.6 1.9L12 18l-1.9-5.6L4.5 10.5l5.6-1.9zM19 16v5M16.5 18.5h5",
  accept: "M4 12l5 5L20 6",
  reject: "M6 6l12 12M18 6L6 18",
  empty: "M12 3a9 9 0 100 18 9 9 0 000-18zM5.6 5.6l12.8 12.8",
};

const HELP = {
  detection: [
    ["Drag", "draw a box of the chosen class"],
    ["Click", "select a box; drag it, or its edges, to move and resize"],
    ["Shift + drag", "draw inside another box"],
    ["1 … 9", "choose the class; changes the selected box"],
    ["0", "nothing to be found in this picture"],
    ["↑ ↓ ← →", "move the selected box by a pixel, with Shift by ten; else the next picture"],
    ["N  P", "next and previous picture"],
    ["U", "next picture nobody has searched"],
    ["B", "select the next box"],
    ["Delete", "delete the box, or reject the proposal"],
    ["G", "propose boxes with the detector"],
    ["Enter", "accept the proposal, with Shift all of them"],
    ["Ctrl + Z  Y", "undo and redo"],
    ["Esc", "let go"],
    ["+  −  F", "zoom in, out, fit; Ctrl + wheel as well"],
  ],
  classification: [
    ["1 … 9", "label the picture"],
    ["0", "none of the classes"],
    ["Delete", "take the labels away"],
    ["← →  N  P", "previous and next picture"],
    ["U", "next picture nobody has labelled"],
    ["Ctrl + Z  Y", "undo and redo"],
    ["+  −  F", "zoom in, out, fit"],
  ],
};

function icon(name) {
  const drawn = document.createElementNS(SVG, "svg");
  drawn.setAttribute("viewBox", "0 0 24 24");
  drawn.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  drawn.append(path);
  return drawn;
}

class Panel {
  constructor(model, canvas) {
    this.model = model;
    this.canvas = canvas;
    this.#tools();
    this.#side();
    this.saved = make("span", { class: "saved", role: "status" });
    this.file = make("span", { class: "file" });
    this.bar = make("i");
    this.progress = make("span", { class: "progress" });
    this.keys = make("details", { class: "keys" }, make("summary", {}, "Keys"), make("dl"));
    const foot = make("div", { class: "foot" }, this.file);
    this.tools.append(this.saved);
    const done = make("div", { class: "done" }, make("div", { class: "bar" }, this.bar), this.progress);
    const main = make("div", { class: "main" }, canvas.frame, foot);
    this.root = make("div", { class: "labelling", tabindex: "0", "aria-label": "Labelling" });
    this.root.append(this.tools, make("div", { class: "body" }, main, this.side), done, this.keys);
    this.root.onpointermove = this.root.onwheel = () => model.clock.tick();
    this.root.onkeydown = (event) => this.key(event);
  }

  #button(name, title, action, text = "") {
    const made = make("button", { type: "button", title, "aria-label": title, onclick: action }, icon(name));
    if (text) made.append(make("span", {}, text));
    return made;
  }

  #tools() {
    const { model, canvas } = this;
    const mode = (name, text) =>
      make("button", { type: "button", "data-mode": name, onclick: () => model.change_mode(name) }, text);
    this.modes = [mode("detection", "Boxes"), mode("classification", "Labels")];
    this.count = make("span", { class: "count" });
    this.back = this.#button("previous", "Previous picture (P)", () => model.go(model.place - 1));
    this.forth = this.#button("next", "Next picture (N)", () => model.go(model.place + 1));
    this.undo = this.#button("undo", "Undo (Ctrl + Z)", () => model.undo());
    this.redo = this.#button("redo", "Redo (Ctrl + Y)", () => model.redo());
    this.remove = this.#button("remove", "Delete the selected box (Delete)", () => this.#delete());
    this.none = this.#button("empty", "Nothing to be found here (0)", () => this.#nothing());
    this.propose = this.#button("propose", "Propose boxes with the detector (G)", () => model.propose(), "Propose");
    this.accept = this.#button("accept", "Accept all proposals (Shift + Enter)", () => this.#accept_all(), "All");
    this.reject = this.#button("reject", "Reject all proposals", () => this.#reject_all());
    this.every = make("input", { type: "checkbox", onchange: () => this.#auto() });
    this.auto = make("label", { class: "switch", title: "Propose boxes on every picture" }, this.every, "every picture");
    const group = (...parts) => make("div", { class: "group" }, ...parts);
    this.finding = make("span", { class: "finding", role: "status" });
    this.helped = group(this.propose, this.auto, this.accept, this.reject, this.finding);
    this.tools = make(
      "div",
      { class: "tools", role: "toolbar", "aria-label": "Tools" },
      make("div", { class: "group segmented" }, ...this.modes),
      group(this.back, this.count, this.forth, this.#button("jump", "Next one nobody has done (U)", () => model.jump())),
      group(this.undo, this.redo, this.remove, this.none),
      group(
        this.#button("smaller", "Zoom out (−)", () => canvas.set_zoom(canvas.zoom / 1.4)),
        this.#button("fit", "Fit the picture (F)", () => canvas.set_zoom(1)),
        this.#button("wider", "Zoom in (+)", () => canvas.set_zoom(canvas.zoom * 1.4)),
      ),
      this.helped,
    );
  }

  #side() {
    this.heading = make("h4");
    this.field = make("input", { type: "text", placeholder: "Find or add a class", "aria-label": "Find or add a class" });
    this.field.maxLength = 200;
    this.field.oninput = () => this.render();
    this.field.onkeydown = (event) => {
      event.stopPropagation();
      if (event.key === "Enter") this.#enter();
      if (event.key === "Escape") this.#clear();
    };
    this.add = make("button", { type: "button", class: "add", onclick: () => this.#create() });
    this.one = make("input", { type: "checkbox", onchange: () => this.#single() });
    this.single = make("label", { class: "switch" }, this.one, "One label a picture, then the next");
    this.list = make("div", { class: "classes", role: "listbox" });
    this.side = make("div", { class: "side" }, this.heading, this.field, this.add, this.list, this.single);
  }

  render() {
    const { model } = this;
    const view = model.view;
    const boxes = model.mode === "detection";
    const queue = model.data?.queue ?? { length: 0 };
    for (const made of this.modes) made.setAttribute("aria-pressed", made.dataset.mode === model.mode);
    this.count.textContent = queue.length ? `${model.place + 1} / ${queue.length}` : "0";
    this.back.disabled = model.place <= 0;
    this.forth.disabled = model.place >= queue.length - 1;
    this.undo.disabled = !model.trail.length && !view?.item.can_undo;
    this.redo.disabled = !view?.item.can_redo;
    this.remove.disabled = boxes ? !model.selected : view?.labels == null;
    this.helped.hidden = !boxes || !model.data?.can_propose;
    this.propose.classList.toggle("busy", model.asked !== null);
    this.finding.textContent = model.finding;
    this.accept.hidden = this.reject.hidden = !view?.proposals.length;
    this.accept.lastChild.textContent = `Accept ${view?.proposals.length ?? 0}`;
    this.every.checked = model.auto;
    this.one.checked = model.single;
    this.single.hidden = boxes;
    this.heading.textContent = boxes ? "Class of the box" : "Labels of the picture";
    this.#classes(view, boxes);
    this.#status(view, boxes);
    this.#help();
  }

  #classes(view, boxes) {
    const wanted = this.field.value.trim().toLowerCase();
    const classes = this.model.classes;
    const rows = classes
      .map((one, number) => ({ ...one, number }))
      .filter((one) => one.name.toLowerCase().includes(wanted));
    const exact = classes.some((one) => one.name.toLowerCase() === wanted);
    this.add.hidden = !wanted || exact;
    this.add.textContent = `Add “${this.field.value.trim()}”`;
    const selected = view?.boxes.find((box) => box.id === this.model.selected);
    const current = boxes ? [selected?.class_name ?? this.model.class_name] : (view?.labels ?? []);
    const scrolled = this.list.scrollTop;
    this.list.replaceChildren(...rows.map((one) => this.#row(one, view, boxes, current.includes(one.name))));
    this.list.scrollTop = scrolled;
  }

  #row(one, view, boxes, chosen) {
    const here = boxes ? (view?.boxes.filter((box) => box.class_name === one.name).length ?? 0) : 0;
    const row = make(
      "button",
      { type: "button", class: "class", role: "option", "aria-selected": String(chosen), onclick: () => this.choose(one.name) },
      make("kbd", {}, one.number < 9 ? String(one.number + 1) : ""),
      make("i", { class: "dot" }),
      make("span", { class: "name", title: one.name }, one.name),
      make("span", { class: "here" }, here ? String(here) : !boxes && chosen ? "✓" : ""),
    );
    row.style.setProperty("--colour", one.colour);
    return row;
  }

  #status(view, boxes) {
    const { model } = this;
    const { images = 0, labelled = 0, searched = 0, boxes: drawn = 0 } = model.data?.progress ?? {};
    const done = boxes ? searched : labelled;
    this.bar.style.width = images ? `${(100 * done) / images}%` : "0";
    const number = (value) => value.toLocaleString("en");
    this.progress.textContent = boxes
      ? `${number(done)} of ${number(images)} pictures searched for objects, ${number(drawn)} ${drawn === 1 ? "box" : "boxes"}`
      : `${number(done)} of ${number(images)} pictures labelled`;
    const size = view ? ` · ${view.item.width} × ${view.item.height} px` : "";
    const found = !view ? "" : boxes ? this.#found(view) : "";
    this.file.textContent = view ? `${view.item.name}${size}${found}` : "";
    this.file.title = view?.item.path ?? "";
    const waiting = model.pending.length;
    this.saved.dataset.state = model.trouble ? "trouble" : waiting ? "saving" : model.saved_at ? "saved" : "";
    const when = model.saved_at?.toLocaleTimeString("en-GB");
    this.saved.textContent = model.trouble || (waiting ? "Saving …" : when ? `Saved ${when}` : "Every change is saved");
  }

  #found(view) {
    if (!view.searched) return " · not searched yet";
    return view.boxes.length === 1 ? " · 1 box" : view.boxes.length ? ` · ${view.boxes.length} boxes` : " · no objects";
  }

  #help() {
    if (this.helps === this.model.mode) return;
    this.helps = this.model.mode;
    const rows = HELP[this.model.mode].flatMap(([keys, what]) => [make("dt", {}, keys), make("dd", {}, what)]);
    this.keys.lastChild.replaceChildren(...rows);
  }

  // A class was chosen by key, click or the field.
  choose(name) {
    const { model } = this;
    const view = model.view;
    if (model.mode === "classification") return this.#label(name);
    const proposed = view?.proposals.find((box) => box.id === model.selected);
    const box = view?.boxes.find((one) => one.id === model.selected);
    model.class_name = name;
    if (proposed) this.#accept([{ ...proposed, class_name: name }]);
    else if (box && box.class_name !== name) model.act("reclass", { box: box.id, class_name: name });
    else model.changed();
  }

  #label(name) {
    const { model } = this;
    const labels = model.view?.labels ?? [];
    if (model.single) {
      model.act("labels", { labels: [name] });
      model.go(model.place + 1);
    } else {
      const others = labels.filter((one) => one !== name);
      model.act("labels", { labels: others.length < labels.length ? others : [...labels, name] });
    }
  }

  #nothing() {
    const { model } = this;
    if (model.mode === "classification") {
      model.act("labels", { labels: [] });
      if (model.single) model.go(model.place + 1);
    } else model.act("searched", { searched: true });
  }

  #delete() {
    const { model } = this;
    const view = model.view;
    if (!view) return;
    const id = model.selected;
    if (model.mode === "classification") {
      if (view.labels !== null) model.act("labels");
    } else if (view.proposals.some((box) => box.id === id)) {
      model.act("reject", { box: id });
      this.#next_proposal();
    } else if (view.boxes.some((box) => box.id === id)) {
      model.selected = null;
      model.act("delete", { box: id });
    }
  }

  #accept(proposals) {
    const { model } = this;
    const known = new Set(model.classes.map((one) => one.name));
    const list = [];
    for (const { id, class_name, xyxy } of proposals) {
      if (!known.has(class_name)) {
        list.push(["class", { class_name }]);
        model.added = class_name;
      }
      known.add(class_name);
      list.push(["accept", { box: id, class_name, box_xyxy: xyxy }]);
    }
    if (list.length) model.act_all(list);
    this.#next_proposal();
  }

  #next_proposal() {
    this.model.selected = this.model.view?.proposals[0]?.id ?? null;
    this.model.changed();
  }

  #accept_all() {
    this.#accept(this.model.view?.proposals ?? []);
  }

  #reject_all() {
    this.model.act_all((this.model.view?.proposals ?? []).map(({ id }) => ["reject", { box: id }]));
  }

  #auto() {
    this.model.auto = this.every.checked;
    this.model.send();
  }

  #single() {
    this.model.single = this.one.checked;
    this.model.send();
  }

  #enter() {
    const wanted = this.field.value.trim().toLowerCase();
    const classes = this.model.classes;
    const exact = classes.find((one) => one.name.toLowerCase() === wanted);
    const found = exact ?? classes.find((one) => wanted && one.name.toLowerCase().includes(wanted));
    if (found) {
      this.#clear();
      this.choose(found.name);
    } else if (wanted) this.#create();
  }

  #create() {
    const name = this.field.value.trim();
    if (!name) return;
    this.#clear();
    this.model.act("class", { class_name: name });
    this.choose(name);
  }

  #clear() {
    this.field.value = "";
    this.root.focus({ preventScroll: true });
    this.render();
  }

  key(event) {
    const { model, canvas } = this;
    if (event.target.type === "text" || event.altKey || event.isComposing) return;
    model.clock.tick();
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const handled = event.ctrlKey || event.metaKey ? this.#with_control(key, event.shiftKey) : this.#plain(key, event);
    if (!handled) return;
    event.preventDefault();
    event.stopPropagation(); // the page has keys of its own
    if (!canvas.drag) this.render();
  }

  #with_control(key, shift) {
    if (key === "z") shift ? this.model.redo() : this.model.undo();
    else if (key === "y") this.model.redo();
    else return false;
    return true;
  }

  #plain(key, event) {
    const { model, canvas } = this;
    if (key >= "1" && key <= "9" && key.length === 1) {
      const one = model.classes[Number(key) - 1];
      if (one) this.choose(one.name);
      return true;
    }
    if (key.startsWith("Arrow")) return this.#arrow(key, event.shiftKey);
    const actions = {
      0: () => this.#nothing(),
      n: () => model.go(model.place + 1),
      p: () => model.go(model.place - 1),
      u: () => model.jump(),
      g: () => model.propose(),
      b: () => this.#cycle(),
      f: () => canvas.set_zoom(1),
      "+": () => canvas.set_zoom(canvas.zoom * 1.4),
      "=": () => canvas.set_zoom(canvas.zoom * 1.4),
      "-": () => canvas.set_zoom(canvas.zoom / 1.4),
      Delete: () => this.#delete(),
      Backspace: () => this.#delete(),
      Escape: () => this.#let_go(),
      Enter: () => this.#enter_key(event),
    };
    if (!actions[key] || (key === "Enter" && event.target.tagName === "BUTTON")) return false;
    actions[key]();
    return true;
  }

  #enter_key(event) {
    const proposals = this.model.view?.proposals ?? [];
    if (event.shiftKey) return this.#accept_all();
    if (!proposals.length) return this.model.go(this.model.place + 1);
    const chosen = proposals.find((box) => box.id === this.model.selected) ?? proposals[0];
    this.#accept([chosen]);
  }

  #let_go() {
    if (this.canvas.drag) return this.canvas.cancel();
    this.model.commit();
    this.model.selected = null;
    this.model.changed();
  }

  #cycle() {
    const { model } = this;
    const all = model.view ? [...model.view.proposals, ...model.view.boxes] : [];
    const at = all.findIndex((box) => box.id === model.selected);
    model.commit();
    model.selected = all.length ? all[(at + 1) % all.length].id : null;
    model.changed();
  }

  #arrow(key, shift) {
    const { model } = this;
    const box = model.view?.boxes.find((one) => one.id === model.selected);
    const step = shift ? 10 : 1;
    const [x, y] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
    if (box && model.mode === "detection") {
      const { width, height } = model.item;
      const xyxy = shifted(box.xyxy, x * step, y * step, width, height).map(round);
      model.draft = { id: box.id, xyxy, nudged: true };
      clearTimeout(this.nudging);
      this.nudging = setTimeout(() => model.commit(), 350); // one change for a burst of presses
      model.changed();
      return true;
    }
    if (!x) return false;
    model.go(model.place + x);
    return true;
  }
}
