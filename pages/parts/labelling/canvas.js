// The picture with its boxes: drawing, moving and resizing with mouse, pen or finger. All boxes are in pixels of the
// original picture; only the pointer's position and the sizes of handles are translated to the screen.

const SVG = "http://www.w3.org/2000/svg";
const HANDLES = { nw: [0, 0], n: [0.5, 0], ne: [1, 0], e: [1, 0.5], se: [1, 1], s: [0.5, 1], sw: [0, 1], w: [0, 0.5] };
const CLICK_PX = 4; // less movement than that is a click
const MAX_ZOOM = 16;
const LEAST_PX = 340; // the picture is no lower than that, even if the window has to be scrolled then
const BELOW_PX = 44;

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const round = (value) => Math.round(value * 100) / 100;

function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made[name] = value;
    else if (value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

class Canvas {
  constructor(model) {
    this.model = model;
    this.zoom = 1;
    this.drag = null;
    this.image = make("img", { draggable: "false", alt: "" });
    this.overlay = document.createElementNS(SVG, "svg");
    this.overlay.setAttribute("class", "overlay");
    this.tags = make("div", { class: "tags" });
    this.chips = make("div", { class: "chips" });
    this.sheet = make("div", { class: "sheet" }, this.image, this.overlay, this.tags);
    this.notice = make("div", { class: "notice", role: "status" });
    this.stage = make("div", { class: "stage" }, this.sheet, this.notice);
    this.frame = make("div", { class: "frame" }, this.stage, this.chips);
    this.overlay.onpointerdown = (event) => this.#down(event);
    this.overlay.onpointermove = (event) => this.#move(event);
    this.overlay.onpointerup = (event) => this.#up(event);
    this.overlay.onpointercancel = () => this.cancel();
    this.overlay.onpointerleave = () => this.#aim(null);
    this.stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.sizes = new ResizeObserver(() => this.render());
    this.sizes.observe(this.frame);
  }

  render() {
    const view = this.model.view;
    const url = view && this.model.pixels.get(view.item.path);
    this.notice.textContent = this.#why(view, url);
    this.notice.hidden = !this.notice.textContent;
    this.sheet.hidden = !url;
    this.chips.replaceChildren();
    if (!url) return;
    if (this.shown !== view.item.path) {
      this.shown = view.item.path;
      this.zoom = 1;
      this.drag = null;
    }
    if (this.image.src !== url) this.image.src = url;
    this.image.alt = `The picture ${view.item.name}`;
    this.#fit(view.item);
    this.#boxes(view);
    if (this.model.mode === "classification") this.#labels(view);
  }

  #why(view, url) {
    if (!this.model.data) return "";
    if (!this.model.data.queue.length) return "There are no pictures here.";
    if (view?.item.error) return view.item.error;
    return url ? "" : "Opening the picture …";
  }

  #fit({ width, height }) {
    const room = this.frame.clientWidth;
    const narrow = room < 520;
    const tall = narrow ? Math.min(window.innerHeight * 0.62, room) : this.#tall();
    const fitting = Math.min(room / width, tall / height, 24);
    this.scale = fitting * this.zoom;
    this.stage.style.height = `${Math.round(tall)}px`;
    this.sheet.style.width = `${width * this.scale}px`;
    this.sheet.style.height = `${height * this.scale}px`;
    this.sheet.classList.toggle("coarse", this.scale > 2.5);
    this.overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.overlay.setAttribute("preserveAspectRatio", "none");
  }

  // What is left of the window below the tools while the page is not scrolled, with the line below the picture.
  #tall() {
    const page = this.frame.getRootNode().host?.closest('[data-testid="stMain"]');
    const above = this.frame.getBoundingClientRect().top + (page?.scrollTop ?? 0);
    return clamp(window.innerHeight - above - BELOW_PX, LEAST_PX, 760);
  }

  set_zoom(zoom, at = null) {
    const before = this.zoom;
    this.zoom = clamp(zoom, 1, MAX_ZOOM);
    if (this.zoom === before) return;
    const area = this.stage.getBoundingClientRect();
    const [x, y] = at ? [at.clientX - area.left, at.clientY - area.top] : [area.width / 2, area.height / 2];
    const old = this.sheet.getBoundingClientRect();
    const [share_x, share_y] = [(x + area.left - old.left) / old.width, (y + area.top - old.top) / old.height];
    this.render();
    const now = this.sheet.getBoundingClientRect();
    this.stage.scrollLeft += now.left + share_x * now.width - area.left - x;
    this.stage.scrollTop += now.top + share_y * now.height - area.top - y;
  }

  #wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.set_zoom(this.zoom * Math.exp(-event.deltaY * 0.004), event);
  }

  #boxes(view) {
    const marks = [];
    const tags = [];
    const editable = this.model.mode === "detection";
    for (const box of view.proposals) this.#mark(marks, tags, box, "proposal", view.item);
    for (const box of view.boxes) this.#mark(marks, tags, box, editable ? "box" : "box quiet", view.item);
    const drawn = this.drag?.kind === "draw" && this.drag.xyxy;
    if (drawn) {
      this.#mark(marks, tags, { id: "", class_name: this.model.class_name, xyxy: drawn, fresh: true }, "box", view.item);
    }
    const selected = editable && view.boxes.find((box) => box.id === this.model.selected);
    if (selected) marks.push(...this.#handles(selected.xyxy));
    this.lines = [0, 1].map(() => this.#rectangle([0, 0, 0, 0], "guide"));
    this.overlay.replaceChildren(...this.lines, ...marks);
    this.tags.replaceChildren(...tags);
    if (!this.drag) this.#aim(this.aimed ?? null);
  }

  #mark(marks, tags, box, kind, { width, height }) {
    const { colour, ink } = this.model.classes.find((one) => one.name === box.class_name) ?? { colour: "#8a94a0", ink: "#000" };
    const selected = box.id && box.id === this.model.selected ? " selected" : "";
    for (const layer of ["halo", "line"]) {
      const mark = this.#rectangle(box.xyxy, `${kind} ${layer}${selected}`);
      mark.style.setProperty("--colour", colour);
      if (layer === "line") mark.dataset.box = box.id;
      marks.push(mark);
    }
    const [x_min, y_min, x_max, y_max] = box.xyxy;
    const sides = `${Math.round(x_max - x_min)} × ${Math.round(y_max - y_min)}`;
    const score = box.score === undefined ? "" : ` ${Math.round(box.score * 100)} %`;
    const text = box.fresh ? sides : `${box.class_name}${score}`;
    const inside = y_min * this.scale < 20;
    const tag = make("span", { class: `tag ${kind}${selected}${inside ? " inside" : ""}` }, text);
    tag.style.cssText = `left:${(x_min / width) * 100}%;top:${(y_min / height) * 100}%;--colour:${colour};--ink:${ink}`;
    tags.push(tag);
  }

  #rectangle([x_min, y_min, x_max, y_max], kind) {
    const made = document.createElementNS(SVG, "rect");
    made.setAttribute("class", kind);
    this.#place(made, [x_min, y_min, x_max, y_max]);
    return made;
  }

  #place(mark, [x_min, y_min, x_max, y_max]) {
    const sides = { x: x_min, y: y_min, width: x_max - x_min, height: y_max - y_min };
    for (const [name, value] of Object.entries(sides)) mark.setAttribute(name, value);
  }

  #handles(xyxy) {
    const half = 5 / this.scale;
    return Object.entries(HANDLES).map(([name, [right, down]]) => {
      const x = xyxy[0] + right * (xyxy[2] - xyxy[0]);
      const y = xyxy[1] + down * (xyxy[3] - xyxy[1]);
      const handle = this.#rectangle([x - half, y - half, x + half, y + half], "handle");
      handle.dataset.handle = name;
      return handle;
    });
  }

  #labels(view) {
    for (const name of view.labels ?? []) {
      const known = this.model.classes.find((one) => one.name === name);
      const chip = make("span", { class: "chip" }, name);
      chip.style.cssText = `--colour:${known?.colour ?? "#8a94a0"};--ink:${known?.ink ?? "#000"}`;
      this.chips.append(chip);
    }
    if (view.labels?.length === 0) this.chips.append(make("span", { class: "chip none" }, "none of the classes"));
  }

  // Where the pointer is, in pixels of the original picture.
  #at(event) {
    const area = this.overlay.getBoundingClientRect();
    const { width, height } = this.model.item;
    const x = clamp(((event.clientX - area.left) / area.width) * width, 0, width);
    const y = clamp(((event.clientY - area.top) / area.height) * height, 0, height);
    return [x, y];
  }

  // What lies under the pointer: a handle of the selected box, its inside, the edge of another box, or the picture.
  #under(event) {
    const [x, y] = this.#at(event);
    const reach = (event.pointerType === "touch" ? 16 : 7) / this.scale;
    const view = this.model.view;
    const selected = view.boxes.find((box) => box.id === this.model.selected);
    if (selected) {
      const handle = nearest_handle(selected.xyxy, x, y, reach);
      if (handle) return { kind: "resize", box: selected, handle };
      if (contains(selected.xyxy, x, y, 0) && !event.shiftKey) return { kind: "move", box: selected };
    }
    const edged = view.boxes.filter((box) => contains(box.xyxy, x, y, reach) && !contains(box.xyxy, x, y, -reach));
    if (edged.length && !event.shiftKey) return { kind: "move", box: smallest(edged) };
    return { kind: "draw" };
  }

  #down(event) {
    if (event.button > 0 || this.model.mode !== "detection" || !this.model.view) return;
    event.preventDefault();
    this.model.commit();
    this.overlay.setPointerCapture(event.pointerId);
    const found = this.#under(event);
    this.drag = { ...found, from: this.#at(event), start: [event.clientX, event.clientY], moved: false };
    if (found.kind === "move") this.model.selected = found.box.id;
    this.render();
  }

  #move(event) {
    const drag = this.drag;
    if (!drag) {
      if (this.model.mode === "detection" && this.model.view) this.#aim(event);
      return;
    }
    const far = Math.hypot(event.clientX - drag.start[0], event.clientY - drag.start[1]);
    if (far < CLICK_PX && !drag.moved) return;
    drag.moved = true;
    const [x, y] = this.#at(event);
    const { width, height } = this.model.item;
    if (drag.kind === "draw") drag.xyxy = spanned(drag.from, [x, y]);
    else if (drag.kind === "move") drag.xyxy = shifted(drag.box.xyxy, x - drag.from[0], y - drag.from[1], width, height);
    else drag.xyxy = resized(drag.box.xyxy, drag.handle, x, y);
    if (drag.kind !== "draw") this.model.draft = { id: drag.box.id, xyxy: drag.xyxy };
    this.render();
  }

  #up(event) {
    const drag = this.drag;
    if (!drag) return;
    this.drag = null;
    this.model.draft = null;
    if (!drag.moved) this.#click(event);
    else this.#finish(drag);
    this.render();
  }

  #click(event) {
    const [x, y] = this.#at(event);
    const view = this.model.view;
    const hit = [...view.boxes, ...view.proposals].filter((box) => contains(box.xyxy, x, y, 4 / this.scale));
    this.model.selected = hit.length ? smallest(hit).id : null;
    this.model.changed();
  }

  #finish(drag) {
    const { width, height } = this.model.item;
    const box_xyxy = drag.xyxy.map((value, side) => round(clamp(value, 0, side % 2 ? height : width)));
    const [wide, high] = [box_xyxy[2] - box_xyxy[0], box_xyxy[3] - box_xyxy[1]];
    const least = Math.max(1, 3 / this.scale);
    if (drag.kind !== "draw") this.model.act(drag.kind, { box: drag.box.id, box_xyxy });
    else if (wide < least || high < least) return;
    else if (!this.model.class_name) this.model.trouble = "Add a class first";
    else {
      const box = `n${this.model.client}-${this.model.sequence + 1}`;
      this.model.selected = box;
      this.model.act("add", { box, class_name: this.model.class_name, box_xyxy });
    }
  }

  cancel() {
    this.drag = null;
    this.model.draft = null;
    this.render();
  }

  // The cursor, and two lines that help to start a box at an object's outermost points.
  #aim(event) {
    this.aimed = event;
    if (!this.lines) return;
    const mouse = event?.pointerType === "mouse" && this.model.mode === "detection" && !this.drag && this.model.item;
    const found = mouse ? this.#under(event) : { kind: "" };
    this.overlay.dataset.under = found.kind === "resize" ? found.handle : found.kind;
    const show = found.kind === "draw";
    for (const line of this.lines) line.style.display = show ? "" : "none";
    if (!show) return;
    const [x, y] = this.#at(event);
    this.#place(this.lines[0], [x, 0, x, this.model.item.height]);
    this.#place(this.lines[1], [0, y, this.model.item.width, y]);
  }
}

const area_of = ([x_min, y_min, x_max, y_max]) => (x_max - x_min) * (y_max - y_min);
const smallest = (boxes) => boxes.reduce((best, box) => (area_of(box.xyxy) < area_of(best.xyxy) ? box : best));
const spanned = ([a, b], [x, y]) => [Math.min(a, x), Math.min(b, y), Math.max(a, x), Math.max(b, y)];

function contains([x_min, y_min, x_max, y_max], x, y, margin) {
  return x >= x_min - margin && x <= x_max + margin && y >= y_min - margin && y <= y_max + margin;
}

function nearest_handle([x_min, y_min, x_max, y_max], x, y, reach) {
  let best = null;
  let closest = reach * 1.4;
  for (const [name, [right, down]] of Object.entries(HANDLES)) {
    const away = Math.hypot(x - x_min - right * (x_max - x_min), y - y_min - down * (y_max - y_min));
    if (away < closest) [best, closest] = [name, away];
  }
  return best;
}

// Moved as far as the picture goes, its size unchanged.
function shifted([x_min, y_min, x_max, y_max], by_x, by_y, width, height) {
  const right = clamp(by_x, -x_min, width - x_max);
  const down = clamp(by_y, -y_min, height - y_max);
  return [x_min + right, y_min + down, x_max + right, y_max + down];
}

// One side or corner pulled to a point, across the other one if need be, and never thinner than a pixel.
function resized(xyxy, handle, x, y) {
  let [x_min, y_min, x_max, y_max] = xyxy;
  if (handle.includes("w")) x_min = x;
  if (handle.includes("e")) x_max = x;
  if (handle.includes("n")) y_min = y;
  if (handle.includes("s")) y_max = y;
  const result = spanned([x_min, y_min], [x_max, y_max]);
  return result[2] - result[0] < 1 || result[3] - result[1] < 1 ? xyxy : result;
}
