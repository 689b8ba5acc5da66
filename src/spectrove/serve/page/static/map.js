// The map: the server draws images of parts of it; here the last one is moved and scaled at once while the next is awaited.
import { json, say, problemOf, teller } from "./page.js";

const place = document.getElementById("map");
const canvas = document.getElementById("canvas");
const ink = canvas.getContext("2d");
const control = (name) => document.getElementById(name);
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const MOST_PIXELS = 1_600_000; // of an image: more take longer and show no more
const MOST_CORNERS = 200; // of a lasso
const MOST_EXAMPLES = 25; // of a hunt for what is like them
const NEAR = 10; // pixels of the page within which an object is meant

let about = null; // bounds, legend and numbers, as the server says
let view = null; // { x, y: the middle in units of the map, scale: such units for a pixel of the page }
let drawn = null; // { bitmap, view, width, height }: the last image, and what it shows
let query = null; // where the spectrum lies that somebody asks about
let lasso = []; // corners, in units of the map
let near = null; // the object below the pointer
let listed = null; // what the lasso encloses

const address = (what, said = {}) => {
  const made = new URL(`${place.dataset.map}/${what}`, location.href);
  for (const [name, value] of Object.entries({ color: control("color").value, where: control("where").value, ...said })) {
    if (value !== null && value !== "") made.searchParams.set(name, value);
  }
  return made;
};
const size = () => ({ width: canvas.clientWidth, height: canvas.clientHeight });
const ratio = () => {
  const { width, height } = size();
  return Math.max(0.5, Math.min(devicePixelRatio || 1, 2, Math.sqrt(MOST_PIXELS / Math.max(width * height, 1))));
};
const to_map = (x, y) => {
  const { width, height } = size();
  return [view.x + (x - width / 2) * view.scale, view.y - (y - height / 2) * view.scale];
};
const to_page = (x, y) => {
  const { width, height } = size();
  return [width / 2 + (x - view.x) / view.scale, height / 2 - (y - view.y) / view.scale];
};
const edges = (seen = view, { width, height } = size()) => ({
  left: seen.x - width / 2 * seen.scale, right: seen.x + width / 2 * seen.scale,
  bottom: seen.y - height / 2 * seen.scale, top: seen.y + height / 2 * seen.scale,
});

// ---- drawing -----------------------------------------------------------------------------------------------------------

let waiting = 0;
const draw = () => {
  if (!waiting) waiting = requestAnimationFrame(() => { waiting = 0; paint(); });
};

const paint = () => {
  if (!view) return;
  const { width, height } = size(), own = ratio();
  const across = Math.round(width * own), down = Math.round(height * own);
  if (canvas.width !== across || canvas.height !== down) { canvas.width = across; canvas.height = down; }
  ink.setTransform(own, 0, 0, own, 0, 0);
  ink.clearRect(0, 0, width, height);
  if (drawn) {
    const e = edges(drawn.view, drawn), [left, top] = to_page(e.left, e.top), [right, bottom] = to_page(e.right, e.bottom);
    ink.imageSmoothingEnabled = drawn.view.scale < view.scale;
    ink.drawImage(drawn.bitmap, left, top, right - left, bottom - top);
    if (drawn.fresh) { // an image counts once it is seen
      drawn.fresh = false;
      canvas.dataset.drawn = String(Number(canvas.dataset.drawn ?? 0) + 1);
    }
  }
  if (lasso.length) outline();
  if (near) ring(near.x, near.y, 8, 2);
  if (query) mark();
  if (document.activeElement === canvas && canvas.matches(":focus-visible")) cross(width / 2, height / 2);
};

const outline = () => {
  ink.beginPath();
  lasso.forEach(([x, y], i) => ink[i ? "lineTo" : "moveTo"](...to_page(x, y)));
  ink.closePath();
  ink.fillStyle = `${color("--link")}22`;
  ink.fill();
  ink.strokeStyle = color("--link");
  ink.lineWidth = 2;
  ink.stroke();
};

const ring = (x, y, radius, width) => {
  const [left, top] = to_page(x, y);
  for (const [stroke, wide] of [[color("--bg"), width + 2], [color("--query"), width]]) {
    ink.beginPath();
    ink.arc(left, top, radius, 0, 7);
    ink.strokeStyle = stroke;
    ink.lineWidth = wide;
    ink.stroke();
  }
};

const cross = (x, y) => {
  ink.beginPath();
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) { ink.moveTo(x + 4 * dx, y + 4 * dy); ink.lineTo(x + 11 * dx, y + 11 * dy); }
  ink.strokeStyle = color("--fg");
  ink.lineWidth = 1.5;
  ink.stroke();
};

// The spectrum that is asked about: a ring with a cross, and its name beside it.
const mark = () => {
  ring(query.x, query.y, 11, 3);
  const [x, y] = to_page(query.x, query.y);
  cross(x, y);
  ink.font = "600 13px system-ui, sans-serif";
  const wide = ink.measureText(query.name).width, right = x + 18 + wide < size().width;
  ink.textAlign = right ? "left" : "right";
  ink.lineWidth = 4;
  ink.strokeStyle = color("--bg");
  ink.fillStyle = color("--query");
  ink.strokeText(query.name, x + (right ? 17 : -17), y + 4);
  ink.fillText(query.name, x + (right ? 17 : -17), y + 4);
  ink.textAlign = "left";
};

let timer = 0, older = null;
const ask = (wait = 70) => {
  clearTimeout(timer);
  timer = setTimeout(image, wait);
};

const image = async () => {
  if (!view) return;
  older?.abort();
  const asked = new AbortController(), seen = { ...view }, { width, height } = size(), own = ratio();
  older = asked;
  try {
    const answer = await fetch(address("image", {
      ...edges(seen), width: Math.round(width * own), height: Math.round(height * own), ratio: own.toFixed(3),
    }), { signal: asked.signal });
    if (!answer.ok) throw new Error(await problemOf(answer));
    const bitmap = await createImageBitmap(await answer.blob());
    if (asked.signal.aborted) return;
    drawn?.bitmap.close();
    drawn = { bitmap, view: seen, width, height, fresh: true };
    draw();
  } catch (error) {
    if (error.name !== "AbortError") refuse(error.message);
  }
};

// ---- looking around -----------------------------------------------------------------------------------------------------

const look_at = (next, wait) => {
  view = next;
  const e = edges();
  for (const [name, value] of Object.entries(e)) control("enclose").elements[name].value = Number(value.toPrecision(6));
  hide();
  draw();
  ask(wait);
};
const whole = () => {
  const { left, right, bottom, top } = about.bounds, { width, height } = size();
  const scale = 1.06 * Math.max((right - left || 1) / width, (top - bottom || 1) / height);
  look_at({ x: (left + right) / 2, y: (bottom + top) / 2, scale }, 0);
};
const zoom = (factor, x = size().width / 2, y = size().height / 2) => {
  const [mx, my] = to_map(x, y);
  const { left, right } = about.bounds, wide = (right - left || 1) / size().width;
  const scale = Math.min(Math.max(view.scale * factor, wide * 1e-5), wide * 4), f = scale / view.scale;
  look_at({ x: mx + (view.x - mx) * f, y: my + (view.y - my) * f, scale });
};
const pan = (dx, dy) => look_at({ ...view, x: view.x - dx * view.scale, y: view.y + dy * view.scale });

const hide = () => { near = null; control("near").hidden = true; };

let hovering = 0, finding = null;
const find = async (x, y, within = NEAR) => {
  finding?.abort();
  finding = new AbortController();
  const [mx, my] = to_map(x, y);
  return json(address("nearest", { x: mx, y: my, within: within * view.scale }), { signal: finding.signal });
};
const hover = (x, y) => {
  clearTimeout(hovering);
  hovering = setTimeout(async () => {
    try {
      near = await find(x, y);
    } catch (error) {
      return;
    }
    show_near();
  }, 90);
};
const show_near = () => {
  const told = control("near");
  told.hidden = !near;
  if (near) {
    told.textContent = near.column ? `${near.object_id}: ${near.column} ${text(near.value)}` : near.object_id;
    const [x, y] = to_page(near.x, near.y), { width } = size();
    told.style.transform = `translate(${Math.max(4, Math.min(x + 12, width - told.offsetWidth - 4))}px, ${Math.max(4, y - 34)}px)`;
  }
  draw();
};
const text = (value) => {
  if (value === null || value === undefined) return "unknown";
  return typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(5))) : String(value);
};
const open = (object) => location.assign(`${place.dataset.spectrum}?object=${encodeURIComponent(object)}`);

// ---- pointer, wheel, keys -------------------------------------------------------------------------------------------------

const tool = () => document.querySelector("input[name=tool]:checked").value;
const fingers = new Map();
let held = null; // what the pointer does: "move" or "lasso", where it began, and whether it has moved

canvas.addEventListener("pointerdown", (event) => {
  if (event.button > 0 || !view) return;
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, [event.offsetX, event.offsetY]);
  const what = tool() === "lasso" || event.shiftKey ? "lasso" : "move";
  held = fingers.size > 1 ? { what: "pinch" } : { what, x: event.offsetX, y: event.offsetY, moved: false };
  if (what === "lasso" && fingers.size === 1) { lasso = [to_map(event.offsetX, event.offsetY)]; hide(); }
});
canvas.addEventListener("pointermove", (event) => {
  if (!view) return;
  if (!held) { if (event.pointerType !== "touch") hover(event.offsetX, event.offsetY); return; }
  const before = fingers.get(event.pointerId), now = [event.offsetX, event.offsetY];
  if (!before) return;
  if (held.what === "pinch") {
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    fingers.set(event.pointerId, now);
    if (!other) return;
    const apart = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]) || 1;
    zoom(apart(before) / apart(now), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    return;
  }
  if (!held.moved && Math.hypot(now[0] - held.x, now[1] - held.y) < 4) return;
  held.moved = true;
  fingers.set(event.pointerId, now);
  if (held.what === "lasso") { lasso.push(to_map(...now)); draw(); return; }
  canvas.classList.add("moving");
  pan(now[0] - before[0], now[1] - before[1]);
});
const released = async (event) => {
  fingers.delete(event.pointerId);
  if (fingers.size) return;
  const done = held;
  held = null;
  canvas.classList.remove("moving");
  if (!done || done.what === "pinch" || event.type === "pointercancel") return;
  if (done.what === "lasso") { if (lasso.length > 2) enclose(); else { lasso = []; draw(); } return; }
  if (!done.moved) {
    try {
      const found = await find(done.x, done.y);
      if (found) open(found.object_id); else say("Nothing lies there.");
    } catch (error) {
      if (error.name !== "AbortError") refuse(error.message);
    }
  }
};
canvas.addEventListener("pointerup", released);
canvas.addEventListener("pointercancel", released);
canvas.addEventListener("pointerleave", () => { clearTimeout(hovering); if (!held) { hide(); draw(); } });
canvas.addEventListener("wheel", (event) => {
  if (!view) return;
  event.preventDefault();
  zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) / 250), event.offsetX, event.offsetY);
}, { passive: false });

// What keys are about: the object nearest to the middle, named and ringed; null where there is none.
const at_middle = async () => {
  clearTimeout(hovering);
  try {
    near = await find(size().width / 2, size().height / 2, 40);
  } catch (error) {
    if (error.name !== "AbortError") refuse(error.message);
    return null;
  }
  show_near();
  say(near ? control("near").textContent : "Nothing lies near the middle.");
  return near;
};
let resting = 0;
const KEYS = {
  ArrowLeft: () => pan(60, 0), ArrowRight: () => pan(-60, 0), ArrowUp: () => pan(0, 60), ArrowDown: () => pan(0, -60),
  "+": () => zoom(0.7), "=": () => zoom(0.7), "-": () => zoom(1 / 0.7), 0: () => whole(),
};
canvas.addEventListener("keydown", async (event) => {
  if (!view || event.ctrlKey || event.metaKey || event.altKey) return;
  if (KEYS[event.key]) {
    event.preventDefault();
    KEYS[event.key]();
    clearTimeout(resting);
    resting = setTimeout(at_middle, 350);
  } else if (event.key === "Enter") {
    clearTimeout(resting);
    if (await at_middle()) open(near.object_id); // never what a pointer was over
  } else if (event.key.toLowerCase() === "l") {
    rectangle(edges());
  } else if (event.key === "Escape") {
    forget();
  }
});
canvas.addEventListener("focus", () => { draw(); if (view && canvas.matches(":focus-visible")) at_middle(); });
canvas.addEventListener("blur", draw);

// ---- what a line encloses ---------------------------------------------------------------------------------------------------

const rectangle = ({ left, right, bottom, top }) => {
  lasso = [[left, bottom], [right, bottom], [right, top], [left, top]];
  draw();
  enclose();
};

const enclose = async () => {
  const step = Math.ceil(lasso.length / MOST_CORNERS);
  const corners = lasso.filter((_, i) => i % step === 0);
  try {
    listed = await json(`${place.dataset.map}/inside`, {
      method: "POST", headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ corners, color: control("color").value, where: control("where").value }),
    });
    refuse("");
    list();
  } catch (error) {
    refuse(error.message);
  }
};

// A small curve, as the lists that the server makes have them.
const sketch = (points) => {
  const made = (kind, said) => {
    const one = document.createElementNS("http://www.w3.org/2000/svg", kind);
    for (const [name, value] of Object.entries(said)) one.setAttribute(name, value);
    return one;
  };
  const drawing = made("svg", { class: "small", viewBox: "0 0 260 48", width: 260, height: 48, "aria-hidden": "true" });
  drawing.append(made(points ? "polyline" : "text", points ? { points } : { x: 4, y: 28 }));
  if (!points) drawing.firstChild.textContent = "no good pixel";
  return drawing;
};

const list = () => {
  const section = control("inside"), body = section.querySelector("tbody"), column = control("color").value;
  section.hidden = false;
  control("inside-title").textContent = `${listed.total.toLocaleString("en")} ${listed.total === 1 ? "object" : "objects"} inside`;
  control("inside-column").textContent = column;
  body.replaceChildren(...listed.listed.map((one) => {
    const row = document.createElement("tr"), link = document.createElement("a"), small = sketch(one.points);
    const shown = `?object=${encodeURIComponent(one.object_id)}`;
    link.href = place.dataset.spectrum + shown;
    link.textContent = one.object_id;
    for (const [content, kind] of [[small, ""], [link, "id"], [document.createTextNode(column ? text(one.value) : ""), ""]]) {
      const cell = document.createElement("td");
      cell.className = kind;
      cell.append(content);
      row.append(cell);
    }
    return row;
  }));
  const more = control("inside-more");
  more.hidden = listed.listed.length >= listed.total;
  more.textContent = `The ${listed.listed.length} nearest to its middle are shown; the ids of ${Math.min(listed.total, listed.objects.length).toLocaleString("en")} are saved.`;
  const condition = `object_id IN (${listed.objects.map((id) => `'${id.replaceAll("'", "''")}'`).join(", ")})`;
  const as_list = control("as-list");
  as_list.hidden = !listed.total || condition.length > 1900;
  as_list.href = `${place.dataset.find}?how=condition&q=${encodeURIComponent(condition)}`;
  control("export").disabled = !listed.total;
  const hunt = control("hunt-like"); // the page of hunts takes some examples
  if (hunt) hunt.href = `${hunt.dataset.hunt}?by=like&${listed.objects.slice(0, MOST_EXAMPLES).map((id) => `like=${encodeURIComponent(id)}`).join("&")}`;
  section.focus({ preventScroll: true });
  section.scrollIntoView({ block: "nearest" });
  say(control("inside-title").textContent);
};

const forget = () => { lasso = []; listed = null; control("inside").hidden = true; draw(); };
control("forget").addEventListener("click", () => { forget(); canvas.focus(); });
control("export").addEventListener("click", () => {
  const quoted = (id) => (/[",\n]/.test(id) ? `"${id.replaceAll('"', '""')}"` : id);
  const content = new Blob([`object_id\n${listed.objects.map(quoted).join("\n")}\n`], { type: "text/csv" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = "objects.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
});
control("enclose").addEventListener("submit", (event) => {
  event.preventDefault();
  const typed = Object.fromEntries([...new FormData(event.target)].map(([name, value]) => [name, Number(value)]));
  if (typed.left < typed.right && typed.bottom < typed.top) rectangle(typed);
  else refuse("Left has to be less than right, and bottom less than top.");
});

// ---- colours, conditions, the spectrum that is asked about --------------------------------------------------------------------

const refuse = (sentence) => {
  control("refused").textContent = sentence;
  control("refused").hidden = !sentence;
};

const legend = () => {
  const { classes, scale } = about.legend;
  control("legend").replaceChildren(...classes.map((one) => {
    const line = document.createElement("li"), swatch = document.createElement("span"), count = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.background = one.color;
    count.className = "soft";
    count.textContent = one.objects.toLocaleString("en");
    line.append(swatch, one.name, count);
    return line;
  }));
  control("scale").hidden = !scale;
  if (scale) {
    control("low").textContent = `≤ ${text(scale.low)}`;
    control("high").textContent = `≥ ${text(scale.high)}`;
    control("bar").style.background = `linear-gradient(to right, ${scale.colors.join(", ")})`;
  }
  const all = about.objects.toLocaleString("en");
  control("counts").textContent = control("where").value.trim()
    ? `${about.chosen.toLocaleString("en")} of ${all} objects meet the condition; the others are pale.` : `${all} objects`;
};

const show = async () => {
  try {
    about = await json(address("about"));
  } catch (error) {
    refuse(error.message);
    return;
  }
  refuse("");
  legend();
  const here = new URL(location.href);
  for (const name of ["color", "where"]) {
    if (control(name).value) here.searchParams.set(name, control(name).value); else here.searchParams.delete(name);
  }
  history.replaceState(null, "", here);
  if (view) ask(0); else whole();
  if (listed) enclose();
};

const to_query = () => {
  if (!query) return;
  const { left, right } = about.bounds;
  look_at({ x: query.x, y: query.y, scale: (right - left || 1) / 8 / size().width }, 0);
};

const locate = async () => {
  const says = control("query-says");
  if (!place.dataset.place) return;
  says.textContent = "Placing your spectrum …";
  try {
    query = await json(place.dataset.place);
    const link = document.createElement("a");
    link.href = place.dataset.asked;
    link.textContent = query.name;
    says.replaceChildren("The ring is ", link, ", placed by its vector alone.");
    for (const sentence of query.cautions) {
      const told = document.createElement("span");
      told.className = "caution";
      told.textContent = sentence;
      says.append(" ", told);
    }
    draw();
  } catch (error) {
    says.textContent = error.message;
  }
};

const begin = async () => {
  control("making").hidden = true;
  place.hidden = false;
  await show();
  await locate();
};

// ---- making it --------------------------------------------------------------------------------------------------------------------

control("make").addEventListener("click", () => {
  const told = control("progress"), bar = told.querySelector("progress"), words = told.querySelector("span");
  const source = new EventSource(document.getElementById("making").dataset.make), tell = teller();
  const over = (sentence) => {
    source.close();
    control("make").disabled = false;
    control("stop").hidden = true;
    bar.hidden = true;
    words.textContent = sentence;
    tell(sentence || "The map is made", null, true);
  };
  told.hidden = bar.hidden = false;
  control("stop").hidden = false;
  control("make").disabled = true;
  words.textContent = "Beginning …";
  tell("Making the map");
  source.addEventListener("progress", (event) => {
    const said = JSON.parse(event.data);
    if (said.total) { bar.max = said.total; bar.value = said.done ?? 0; } else bar.removeAttribute("value");
    words.textContent = said.doing;
    tell(said.doing, said.total ? (said.done ?? 0) / said.total : null);
  });
  source.addEventListener("end", () => { over(""); begin(); });
  source.addEventListener("problem", (event) => over(JSON.parse(event.data).detail));
  source.addEventListener("error", () => over("The server does not answer any more. Try again."));
  control("stop").onclick = () => over("Stopped. What was laid out is kept; the rest begins anew.");
});

control("choice").addEventListener("submit", (event) => { event.preventDefault(); show(); });
control("color").addEventListener("change", show);
control("closer").addEventListener("click", () => zoom(0.6));
control("wider").addEventListener("click", () => zoom(1 / 0.6));
control("all").addEventListener("click", whole);
control("to-query")?.addEventListener("click", to_query);
document.querySelectorAll("input[name=tool]").forEach((one) => one.addEventListener("change", () => {
  canvas.classList.toggle("lasso", tool() === "lasso");
}));
addEventListener("resize", () => { if (view) { draw(); ask(150); } });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
if (place.dataset.there === "yes") begin();
