// What Streamlit calls: once for a new place on the page and again whenever the server has something to say.

const models = new Map(); // one a data set, so that a part of the page drawn anew loses nothing
const places = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  let place = places.get(parentElement);
  if (!place || place.desk !== data.desk) {
    place?.end();
    place = open(data.desk, parentElement.querySelector(".root"));
    places.set(parentElement, place);
  }
  place.model.set_state = setStateValue;
  place.model.receive(data);
  return () => {
    place.end();
    places.delete(parentElement);
  };
}

function open(desk, root) {
  if (!models.has(desk)) models.set(desk, new Model());
  const model = models.get(desk);
  const canvas = new Canvas(model);
  const panel = new Panel(model, canvas);
  model.changed = () => {
    canvas.render();
    panel.render();
  };
  // Keys work without a click first, also while a button of the page has the focus (the one that led here, say), but
  // for those that the button itself understands; never while somebody types elsewhere.
  const typing = "input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable=true]";
  const key = (event) => {
    const focus = document.activeElement;
    const elsewhere = focus && focus !== document.body;
    if (event.defaultPrevented || panel.root.contains(focus) || panel.root.getRootNode().host === focus) return;
    if (elsewhere && (focus.matches(typing) || /^(Arrow.*|Enter|Tab|Escape| )$/.test(event.key))) return;
    panel.key(event);
  };
  panel.root.addEventListener("pointerdown", (event) => {
    if (event.target.type !== "text") panel.root.focus({ preventScroll: true });
  });
  const hidden = () => model.clock.tick();
  document.addEventListener("keydown", key);
  document.addEventListener("visibilitychange", hidden);
  root.replaceChildren(panel.root);
  const end = () => {
    document.removeEventListener("keydown", key);
    document.removeEventListener("visibilitychange", hidden);
    canvas.sizes.disconnect();
  };
  return { desk, model, end };
}
