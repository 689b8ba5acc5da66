// One spectrum: its curve over those of its neighbours, and the parts of its answer as the server makes them.
import { error_of_mean, quantile, smoothed } from "./curves.js";
import { json, say, teller } from "./page.js";

const LIGHT = 299792.458;
const figure = document.getElementById("figure");
const plot = document.getElementById("plot");
const parts = document.getElementById("parts");
const control = (name) => document.getElementById(name);
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// ---- the curves --------------------------------------------------------------------------------------------------------

let drawn = null; // what the server said of the curves
let chart = null;
let range = null; // what is seen of the axis; null for the whole

const z = () => {
  const typed = control("z")?.value.trim();
  return typed === undefined || typed === "" || !Number.isFinite(Number(typed)) ? null : Number(typed);
};
const axis = () => (z() === null ? "observed" : control("axis").value);

// From observed wavelengths to the axis, and back.
const forward = (wavelength) => {
  if (axis() === "observed") return wavelength;
  const rest = wavelength / (1 + z());
  return axis() === "rest" ? rest : LIGHT * (rest / center() - 1);
};
const backward = (value) => {
  if (axis() === "observed") return value;
  return (axis() === "rest" ? value : center() * (1 + value / LIGHT)) * (1 + z());
};
const center = () => Number(control("about").value) || 6564.61;

const draw = () => {
  if (!drawn) return;
  const n = Number(control("smooth").value), apart = control("apart").checked;
  control("smooth-says").textContent = `${(2 * n + 1) * drawn.pixels} px`;
  const x = drawn.wavelength.map(forward);
  const own = smoothed(drawn.flux, n);
  const step = apart ? 0.9 * (quantile(own, 0.99) - quantile(own, 0.02)) : 0;
  const band = control("band").checked && !apart;
  const data = [x], series = [{ label: axisTitle() }], bands = [];
  const others = drawn.z === z() ? drawn.others : []; // those of another redshift are asked for anew
  others.forEach((other, i) => {
    const flux = smoothed(other.flux, n);
    data.push(apart ? flux.map((v) => (v === null ? null : v - (i + 1) * step)) : flux);
    const scaled = other.scale === 1 ? "" : ` × ${Number(other.scale.toPrecision(2))}`;
    series.push({ label: `${other.name}${scaled}${other.aligned || drawn.z === null ? "" : ", its redshift unknown"}`, stroke: color(`--c${i % 6}`), width: 1 });
  });
  if (band) {
    const error = error_of_mean(drawn.error, n);
    const edge = (sign) => own.map((v, i) => (v === null || error[i] === null ? null : v + sign * error[i]));
    data.push(edge(1), edge(-1));
    series.push(...["+1σ", "−1σ"].map((label) => ({ label, stroke: "transparent", points: { show: false }, class: "edge" })));
    bands.push({ series: [series.length - 2, series.length - 1], fill: `${color("--band")}66` });
  }
  data.push(own);
  series.push({ label: drawn.name, stroke: color("--query"), width: 1.4 });
  const seen = [...others.map((_, i) => data[i + 1]), own];
  const [x0, x1] = [x[0], x.at(-1)];
  const low = Math.min(...seen.map((one) => quantile(one, 0.004))), high = Math.max(...seen.map((one) => quantile(one, 0.996)));
  const pad = 0.08 * (high - low || 1);
  const look = { stroke: color("--fg"), grid: { stroke: color("--rule"), width: 1 }, ticks: { stroke: color("--rule") } };
  const options = {
    width: plot.clientWidth - 2, height: Math.max(340, Math.min(560, innerHeight * 0.55)),
    series, bands,
    scales: {
      x: { time: false, range: () => range ?? [x0, x1] },
      y: { range: () => (range ? visible(seen, x) : [low - pad, high + pad]) },
    },
    axes: [{ ...look, label: axisTitle() }, { ...look, label: `flux ${drawn.unit ? `(${drawn.unit})` : ""}`, size: 70 }],
    cursor: { drag: { x: true, y: false, setScale: false } },
    legend: { show: true, live: true },
    hooks: { drawClear: [paintBad], draw: [paintLines, noteRange], setSelect: [selected] },
  };
  chart?.destroy();
  plot.replaceChildren();
  chart = new uPlot(options, data, plot);
  chart.over.addEventListener("click", clicked);
  chart.over.addEventListener("dblclick", () => look_at(null));
  chart.over.addEventListener("wheel", wheel, { passive: false });
  plot.dataset.others = others.length;
  plot.dataset.drawn = String(Number(plot.dataset.drawn ?? 0) + 1);
};

const axisTitle = () => ({
  rest: "rest wavelength (Å, vacuum)", observed: "observed wavelength (Å, vacuum)", velocity: "velocity (km/s)",
}[axis()]);

const visible = (curves, x) => {
  let low = Infinity, high = -Infinity;
  for (const curve of curves) {
    for (let i = 0; i < x.length; i += 1) {
      const v = curve[i];
      if (v !== null && x[i] >= range[0] && x[i] <= range[1]) { low = Math.min(low, v); high = Math.max(high, v); }
    }
  }
  if (!(high > low)) return [0, 1];
  return [low - 0.06 * (high - low), high + 0.1 * (high - low)];
};

const look_at = (next) => {
  range = next;
  chart?.redraw(true, true);
  if (chart) chart.setScale("x", range ? { min: range[0], max: range[1] } : { min: chart.data[0][0], max: chart.data[0].at(-1) });
};

const wheel = (event) => {
  if (!event.ctrlKey && !event.shiftKey) return; // the page scrolls
  event.preventDefault();
  const [min, max] = [chart.scales.x.min, chart.scales.x.max];
  const at = chart.posToVal(event.offsetX, "x"), factor = event.deltaY < 0 ? 0.8 : 1.25;
  look_at([at - (at - min) * factor, at + (max - at) * factor]);
};

// Bad pixels as bands behind everything.
const paintBad = (u) => {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.fillStyle = color("--bad");
  for (const [low, high] of drawn.bad) {
    const left = u.valToPos(forward(low), "x", true), right = u.valToPos(forward(high), "x", true);
    const from = Math.max(left, bbox.left), to = Math.min(Math.max(right, left + 1), bbox.left + bbox.width);
    if (to > from) ctx.fillRect(from, bbox.top, to - from, bbox.height);
  }
  ctx.restore();
};

// Lines of the chosen elements at the typed redshift, named where there is room.
const paintLines = (u) => {
  const shift = z(), wanted = control("elements").value;
  if (shift === null || wanted === "none") return;
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.strokeStyle = ctx.fillStyle = color("--line");
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  let last = -Infinity;
  for (const line of [...drawn.lines].sort((a, b) => a.wavelength - b.wavelength)) {
    if (wanted !== "all" && line.element !== wanted) continue;
    const x = u.valToPos(forward(line.wavelength * (1 + shift)), "x", true);
    if (!(x >= bbox.left && x <= bbox.left + bbox.width)) continue;
    ctx.setLineDash(line.kind === "absorption" ? [3, 4] : []);
    ctx.globalAlpha = 0.55;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.globalAlpha = 1;
    if (x - last > 15 * devicePixelRatio) {
      ctx.save();
      ctx.translate(x - 2 * devicePixelRatio, bbox.top + 4 * devicePixelRatio);
      ctx.rotate(-Math.PI / 2);
      ctx.textAlign = "right";
      ctx.fillText(line.name, 0, 0);
      ctx.restore();
      last = x;
    }
  }
  ctx.restore();
};

// The range that is seen, for whoever asks the page and not the canvas.
const noteRange = (u) => { [plot.dataset.low, plot.dataset.high] = [u.scales.x.min, u.scales.x.max]; };

// The redshift at which the chosen line lies on the peak near the click: the centre of what rises above its surroundings.
const NEAR = 12, AROUND = 60; // angstrom, observed
const clicked = (event) => {
  const rest = Number(control("named").value);
  if (!rest) return;
  const at = backward(chart.posToVal(event.offsetX, "x"));
  const near = [], around = [];
  drawn.wavelength.forEach((wavelength, i) => {
    if (drawn.flux[i] === null || Math.abs(wavelength - at) > AROUND) return;
    around.push(drawn.flux[i]);
    if (Math.abs(wavelength - at) <= NEAR) near.push([wavelength, drawn.flux[i]]);
  });
  const level = quantile(around, 0.5), sign = Math.max(...near.map((one) => one[1] - level)) >= Math.max(...near.map((one) => level - one[1])) ? 1 : -1;
  const height = Math.max(0, ...near.map((one) => sign * (one[1] - level)));
  let sum = 0, moment = 0;
  for (const [wavelength, flux] of near) {
    const rise = sign * (flux - level) - height / 2;
    if (rise > 0) { sum += rise; moment += rise * wavelength; }
  }
  const peak = sum ? moment / sum : at;
  set_z(peak / rest - 1);
  say(`${control("named").selectedOptions[0].textContent} at ${peak.toFixed(1)} Å: z = ${(peak / rest - 1).toFixed(5)}`);
};

// What was dragged over: a region to compare in, or a range to look at.
const selected = (u) => {
  if (u.select.width < 4) return;
  const low = u.posToVal(u.select.left, "x"), high = u.posToVal(u.select.left + u.select.width, "x");
  u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  if (!control("choose").checked) { look_at([low, high]); return; }
  const own = z() ?? 0;
  compare([`${(backward(low) / (1 + own)).toFixed(1)}:${(backward(high) / (1 + own)).toFixed(1)}`]);
};

// ---- asking -------------------------------------------------------------------------------------------------------------

const address = (base, changes = {}) => {
  const made = new URL(base, location.href);
  for (const [name, value] of Object.entries(changes)) {
    made.searchParams.delete(name);
    for (const one of [value].flat()) if (one !== null && one !== undefined && one !== "") made.searchParams.append(name, one);
  }
  return made;
};

const compare = (regions) => {
  const field = document.querySelector("#regions input[name=region]");
  field.value = regions[0];
  const here = address(location.href, { region: regions });
  history.replaceState(null, "", here);
  parts.dataset.parts = address(parts.dataset.parts, { region: regions });
  ask(["twins"]);
};

let stream = null;

// Ask for parts, or for all that are made at once; each is put in its place as it comes.
const ask = (names = [], changes = {}) => {
  const source = new EventSource(address(parts.dataset.parts, { ...changes, part: names }));
  stream = source;
  control("stop").hidden = false;
  const place = (name) => document.querySelector(`#part-${name} .body`);
  const tell = teller();
  tell("Asking");
  for (const name of names) place(name).innerHTML = "<p class=\"loading\">Asking …</p>";
  source.addEventListener("progress", (event) => {
    const said = JSON.parse(event.data), body = place(said.part);
    let bar = body.querySelector("progress");
    if (!bar) {
      body.innerHTML = "<p class=\"loading\"><progress aria-label=\"Progress\"></progress> <span></span></p>";
      bar = body.querySelector("progress");
    }
    if (said.total) { bar.max = said.total; bar.value = said.done ?? 0; } else bar.removeAttribute("value");
    body.querySelector("span").textContent = said.doing;
    tell(said.doing, said.total ? (said.done ?? 0) / said.total : null);
  });
  source.addEventListener("part", (event) => {
    const said = JSON.parse(event.data), body = place(said.part);
    body.innerHTML = said.html;
    wire(body);
    if (said.part === "twins") curves();
    const part = document.querySelector(`#part-${said.part}`);
    part.dataset.state = "done";
    tell(`${part.querySelector("h2").textContent}: ${body.querySelector(".answer, [role=alert]")?.textContent.trim() ?? "there"}`, null, true);
  });
  const over = () => { source.close(); if (stream === source) control("stop").hidden = true; };
  source.addEventListener("end", over);
  source.addEventListener("error", () => {
    over();
    document.querySelectorAll(".part:not(details) .loading").forEach((one) => {
      one.textContent = "The answer did not come. Load the page again.";
    });
  });
};

const chosen = () => [...document.querySelectorAll("[data-draw]:checked")].map((one) => one.dataset.draw).slice(0, 12);

const curves = async () => {
  if (figure.dataset.flux !== "yes") {
    const image = new Image();
    image.alt = plot.getAttribute("aria-label");
    image.addEventListener("load", () => { plot.replaceChildren(image); plot.dataset.drawn = "1"; });
    image.addEventListener("error", () => { plot.innerHTML = "<p class=\"caution\">The figure could not be drawn.</p>"; });
    image.src = address(figure.dataset.figure, { other: chosen() });
    return;
  }
  try {
    const said = await json(address(figure.dataset.curves, { other: chosen(), z: z() }));
    if (said.z !== z() && z() !== null && Math.abs(said.z - z()) > 1e-9) return; // moved on meanwhile
    drawn = { ...said, z: z() };
    const about = control("about");
    if (!about.options.length) {
      for (const list of [about, control("named")]) list.append(...drawn.lines.map((line) => new Option(line.name, line.wavelength)));
      const alpha = drawn.lines.find((line) => line.name === "H alpha");
      if (alpha) about.value = alpha.wavelength;
    }
    draw();
  } catch (error) {
    plot.innerHTML = "<p class=\"caution\" role=\"alert\"></p>";
    plot.firstChild.textContent = error.message;
  }
};

const wire = (body) => {
  const estimated = body.querySelector("[data-estimated]");
  if (estimated && control("z") && z() === null) set_z(estimated.dataset.estimated);
  body.querySelectorAll("[data-draw]").forEach((one) => one.addEventListener("change", curves));
  body.querySelectorAll("[data-z]").forEach((one) => one.addEventListener("click", () => set_z(one.dataset.z)));
  body.querySelectorAll("[data-range]").forEach((one) => one.addEventListener("click", () => {
    const [low, high] = one.dataset.range.split(" ").map(Number), pad = 0.5 * (high - low) + 20;
    look_at([forward(low - pad), forward(high + pad)]);
    figure.scrollIntoView();
  }));
  body.querySelectorAll("form[data-part]").forEach((form) => form.addEventListener("change", () => {
    ask([form.dataset.part], Object.fromEntries(new FormData(form)));
  }));
};

const set_z = (value) => {
  control("z").value = Number(value).toFixed(5);
  control("z-slide").value = value;
  for (const option of control("axis").options) option.disabled = false;
  schedule();
};

let waiting = 0, asking = 0;
const schedule = () => {
  clearTimeout(asking);
  asking = setTimeout(curves, 250); // neighbours at the new redshift
  if (!waiting) waiting = requestAnimationFrame(() => { waiting = 0; range = null; draw(); });
};

if (figure.dataset.flux === "yes") {
  for (const name of ["axis", "about", "smooth", "band", "apart", "elements"]) control(name).addEventListener("input", () => {
    control("velocity-line").hidden = control("axis").value !== "velocity";
    if (name === "axis" || name === "about") range = axis() === "velocity" ? [-3000, 3000] : null;
    draw();
  });
  control("z-slide").addEventListener("input", () => set_z(control("z-slide").value));
  control("z").addEventListener("input", () => { if (z() !== null) { control("z-slide").value = z(); schedule(); } });
  control("ask-z").addEventListener("click", () => {
    if (z() === null) say("Type a redshift first."); else location.assign(address(location.href, { z: z() }));
  });
  control("whole").addEventListener("click", () => look_at(null));
  document.getElementById("regions").addEventListener("submit", (event) => {
    event.preventDefault();
    const typed = new FormData(event.target).getAll("region").filter(Boolean);
    if (typed.length) compare(typed); else location.assign(address(location.href, { region: [] }));
  });
  addEventListener("resize", () => { if (chart) draw(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}
document.querySelectorAll("details.part").forEach((one) => one.addEventListener("toggle", () => {
  if (one.open && !one.dataset.state) { one.dataset.state = "asked"; ask([one.dataset.name]); }
}));
control("stop").addEventListener("click", () => { stream?.close(); control("stop").hidden = true; say("Stopped."); });
curves();
ask();
