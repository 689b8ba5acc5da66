// Lists in which people mark what they see: progress, keys, the spectrum that is looked at, marks sent to the server.
import { quantile, smoothed } from "./curves.js";
import { json, say, teller } from "./page.js";

const control = (name) => document.getElementById(name);
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// ---- a question that is being answered --------------------------------------------------------------------------------------

const ENDED = "spectrove-ended"; // the list comes as a new page, which says that it is there
const running = control("running");
if (running) {
  const stream = new EventSource(running.dataset.events), tell = teller();
  tell("Looking");
  stream.addEventListener("progress", (event) => {
    const said = JSON.parse(event.data);
    const bar = control("progress");
    if (said.total) { bar.max = said.total; bar.value = said.done; } else bar.removeAttribute("value");
    control("doing").textContent = `${said.doing}${said.total ? `, ${said.done} of ${said.total}` : ""}`;
    tell(control("doing").textContent, said.total ? said.done / said.total : null);
  });
  stream.addEventListener("error", () => { // the server was started anew, or has forgotten the question
    stream.close();
    setTimeout(() => location.reload(), 2000);
  });
  stream.addEventListener("end", () => {
    stream.close();
    const next = new URL(location.href);
    next.searchParams.delete("again");
    sessionStorage.setItem(ENDED, "yes");
    location.replace(next);
  });
}

// ---- the form of a hunt -----------------------------------------------------------------------------------------------------

const form = control("hunt-form");
form?.querySelectorAll("[data-by]").forEach((field) => {
  field.addEventListener("input", () => {
    const choice = form.querySelector(`input[name=by][value=${field.dataset.by}]`);
    if (choice) choice.checked = true;
  });
});
// What does not belong to the choice, or is empty, is no part of the address.
form?.addEventListener("submit", () => {
  const by = form.querySelector("input[name=by]:checked")?.value;
  for (const field of form.elements) {
    if ((field.dataset.by && by && field.dataset.by !== by) || (field.name && field.value === "")) field.disabled = true;
  }
  setTimeout(() => { for (const field of form.elements) field.disabled = false; });
});
addEventListener("pageshow", () => { for (const field of form?.elements ?? []) field.disabled = false; });
control("hunt-files")?.addEventListener("change", async (event) => {
  const sent = new FormData();
  for (const file of event.target.files) sent.append("spectra", file, file.name);
  say("Reading …");
  try {
    const brought = await json(form.dataset.bring, { method: "POST", body: sent });
    const next = new URL(location.href);
    next.searchParams.set("tray", brought.tray);
    next.searchParams.delete("go");
    next.searchParams.delete("among");
    location.assign(next);
  } catch (error) {
    say(error.message);
  }
});

// ---- the list ---------------------------------------------------------------------------------------------------------------

const listing = control("listing");
const rows = [...(listing?.querySelectorAll("tr[data-row]") ?? [])];
const data = new Map(rows.map((row) => [row, JSON.parse(row.dataset.row)]));
const words = listing ? JSON.parse(listing.dataset.words) : {};
const named = { yes: words.yes, no: words.no, unsure: "unsure" };
let selected = null;
let chart = null;
const past = []; // what was said before, to be taken back

const who = () => control("who").value.trim().replace(/\s+/g, " ");
const marking = () => control("card-marks");

const select = (row, focus = true) => {
  if (!row) return;
  if (selected) { selected.setAttribute("aria-selected", "false"); selected.tabIndex = -1; }
  selected = row;
  row.setAttribute("aria-selected", "true");
  row.tabIndex = 0;
  if (focus) { row.focus({ preventScroll: true }); row.scrollIntoView({ block: "nearest" }); }
  show();
};

const show = () => {
  const one = data.get(selected);
  control("card").hidden = false;
  control("card-title").textContent = one.id;
  control("card-value").textContent = selected.querySelector(".value").textContent;
  control("card-why").textContent = selected.querySelector("td.wide").textContent.trim();
  control("card-page").hidden = !one.page;
  if (one.page) control("card-page").href = one.page;
  control("card-others").textContent = [...selected.querySelectorAll(".said .soft")].map((other) => other.textContent).join("; ");
  fill(one.mine ?? {});
  draw(one);
};

const fill = (mark) => {
  const fields = marking().elements;
  for (const name of ["comment", "kind"]) fields[name].value = mark[name] ?? "";
  fields.quality.value = mark.quality ?? "";
  fields.z.value = mark.z ?? "";
  fields.bad.checked = Boolean(mark.bad);
  marking().querySelectorAll("[data-mark]").forEach((button) => {
    button.setAttribute("aria-pressed", String(button.dataset.mark === (mark.mark ?? "")));
  });
};

// The spectrum over two known ones; counts, which have no curve of flux, as the picture of their kind of light.
let asked = 0;
const draw = async (one) => {
  asked += 1;
  const mine = asked;
  const place = control("card-plot");
  if (!one.page) {
    place.textContent = "This spectrum is no longer kept.";
    return;
  }
  place.setAttribute("aria-label", `${one.id} over the nearest known spectra`);
  if (listing.dataset.flux !== "yes") {
    const picture = new Image();
    picture.src = one.figure;
    picture.alt = `${one.id} over the nearest known spectra`;
    place.replaceChildren(picture);
    return;
  }
  await new Promise((resolve) => { setTimeout(resolve, 60); }); // not for rows that are only passed
  if (mine !== asked) return;
  try {
    const said = await json(one.curves);
    if (mine === asked) curves(place, said);
  } catch (error) {
    if (mine === asked) { place.textContent = error.message; place.className = "caution"; }
  }
};

const curves = (place, said) => {
  const rest = said.z === null ? 1 : 1 + said.z;
  const x = said.wavelength.map((one) => one / rest), own = smoothed(said.flux, 2);
  const others = said.others.map((one) => smoothed(one.flux, 2));
  const low = Math.min(...[own, ...others].map((one) => quantile(one, 0.005))), high = Math.max(...[own, ...others].map((one) => quantile(one, 0.998)));
  const look = { stroke: color("--fg"), grid: { stroke: color("--rule"), width: 1 }, ticks: { stroke: color("--rule") } };
  const lines = (u) => {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.font = `${10 * devicePixelRatio}px sans-serif`;
    ctx.fillStyle = color("--line");
    ctx.strokeStyle = color("--line");
    ctx.globalAlpha = 0.75;
    let last = -Infinity;
    for (const line of said.z === null ? [] : said.lines) {
      const at = u.valToPos(line.wavelength, "x", true);
      if (at < bbox.left || at > bbox.left + bbox.width) continue;
      ctx.beginPath(); ctx.moveTo(at, bbox.top); ctx.lineTo(at, bbox.top + 8 * devicePixelRatio); ctx.stroke();
      if (at - last > 52 * devicePixelRatio) { ctx.fillText(line.name, at + 2, bbox.top + 10 * devicePixelRatio); last = at; }
    }
    ctx.restore();
  };
  chart?.destroy();
  place.replaceChildren();
  place.className = "";
  chart = new uPlot({
    width: place.clientWidth, height: 260,
    series: [
      { label: said.z === null ? "observed (Å)" : "rest frame (Å)" },
      ...said.others.map((one, i) => ({ label: one.name, stroke: color(`--c${i % 6}`), width: 1 })),
      { label: said.name, stroke: color("--query"), width: 1.3 },
    ],
    scales: { x: { time: false }, y: { range: () => [low - 0.06 * (high - low || 1), high + 0.12 * (high - low || 1)] } },
    axes: [look, { ...look, size: 48 }],
    legend: { show: true, live: false },
    hooks: { draw: [lines] },
  }, [x, ...others, own], place);
  place.dataset.drawn = said.name;
};

// ---- marks ------------------------------------------------------------------------------------------------------------------

const KEPT = ["mark", "comment", "quality", "z", "kind", "bad"];

const send = async (row, mark, spoken) => {
  const name = who();
  if (!name) {
    say("Type your name first: marks say who made them.");
    control("who").focus();
    return false;
  }
  const one = data.get(row);
  const whole = { object_id: one.id, about: one.about, who: name };
  for (const key of KEPT) if (mark[key] !== undefined && mark[key] !== "" && mark[key] !== null && mark[key] !== false) whole[key] = mark[key];
  if (one.numbers.probability != null) whole.probability = one.numbers.probability;
  if (one.numbers.z != null) whole.z_shown = one.numbers.z;
  if (listing.dataset.version) whole.version = Number(listing.dataset.version);
  try {
    const kept = await json(listing.dataset.marks, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ title: listing.dataset.title.slice(0, 200), marks: [whole] }),
    });
    changed(kept.version);
  } catch (error) {
    say(`Not kept: ${error.message}`);
    return false;
  }
  one.mine = mark;
  row.querySelector(".mine").textContent = named[mark.mark] ?? "";
  if (mark.mark) row.dataset.mark = mark.mark; else delete row.dataset.mark;
  if (row === selected) fill(mark);
  say(spoken);
  return true;
};

// The base may become another one while its list is looked at.
const changed = (version) => {
  const note = control("changed");
  if (note && listing.dataset.version && version && version !== Number(listing.dataset.version)) note.hidden = false;
};
if (listing) {
  document.addEventListener("visibilitychange", async () => {
    if (document.hidden) return;
    try { changed((await json(listing.dataset.now)).version); } catch { /* what is asked next says what is wrong */ }
  });
}

const set = async (changes, spoken, onward = false) => {
  if (!selected) return;
  const row = selected, before = data.get(row).mine ?? {};
  if (await send(row, { ...before, ...changes }, spoken)) {
    past.push([row, before]);
    if (onward && row === selected) select(rows[rows.indexOf(row) + 1] ?? row);
  }
};

const marked = (mark) => set({ mark }, `Marked ${named[mark]}: ${data.get(selected).id}`, true);

const undo = async () => {
  const last = past.pop();
  if (!last) { say("Nothing to take back."); return; }
  const [row, before] = last;
  if (await send(row, before, `Taken back: ${data.get(row).id}${before.mark ? ` is ${named[before.mark]} again` : ""}`)) select(row);
  else past.push(last);
};

const move = (step) => select(rows[Math.min(rows.length - 1, Math.max(0, rows.indexOf(selected) + step))]);

// Letters can be turned off, for those whose speech or hand would type them unmeant.
const OFF = "spectrove-letters-off";
const LETTERS = {
  y: () => marked("yes"), n: () => marked("no"), u: () => marked("unsure"), z: undo,
  c: () => marking().elements.comment.focus(),
};
const KEYS = {
  ArrowDown: () => move(1), ArrowUp: () => move(-1), Home: () => select(rows[0]), End: () => select(rows.at(-1)),
  Enter: () => { if (data.get(selected).page) location.assign(data.get(selected).page); },
};

if (rows.length) {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { target, key } = event;
    if (marking().contains(target) && key === "Escape") { select(selected); return; }
    if (target.name === "comment" && key === "Enter") { event.preventDefault(); target.blur(); select(selected); return; }
    if (!rows.includes(target)) return; // keys are those of the list, while it has the focus
    const does = KEYS[key] ?? (control("letters").checked ? LETTERS[key] : undefined);
    if (does && selected) { event.preventDefault(); does(); }
  });
  control("letters").checked = localStorage.getItem(OFF) === null;
  control("letters").addEventListener("change", (event) => {
    if (event.target.checked) localStorage.removeItem(OFF); else localStorage.setItem(OFF, "yes");
  });
  rows.forEach((row) => row.addEventListener("click", (event) => {
    if (event.target.closest("a")) return;
    select(row);
    if (innerWidth < 1000) control("card").scrollIntoView({ block: "start" }); // it stands above the list
  }));
  marking().addEventListener("submit", (event) => event.preventDefault());
  marking().querySelectorAll("[data-mark]").forEach((button) => button.addEventListener("click", () => marked(button.dataset.mark)));
  marking().querySelector("[data-undo]").addEventListener("click", undo);
  marking().addEventListener("change", (event) => {
    const { name, type, value, checked } = event.target;
    const number = (name === "z" || name === "quality") && value !== "";
    if (number && !event.target.checkValidity()) { say("This is no redshift that can be."); return; }
    set({ [name]: type === "checkbox" ? checked : number ? Number(value) : value.trim() }, `Kept: ${name === "kind" ? "class" : name}`);
  });
  control("who-form").addEventListener("submit", (event) => event.preventDefault());
  select(rows[0], document.activeElement === document.body && !location.hash);
  if (sessionStorage.getItem(ENDED)) teller()(`Done: ${rows.length} listed`);
}
if (!running) sessionStorage.removeItem(ENDED);

// Who marks is typed once, and known to every page by a cookie.
control("who")?.addEventListener("change", () => {
  document.cookie = `spectrove-who=${encodeURIComponent(who().slice(0, 60))}; path=/; max-age=31536000; samesite=strict`;
  say(who() ? `You mark as ${who()}.` : "Marks need a name.");
  location.reload();
});

control("more-like")?.addEventListener("click", (event) => {
  const all = [...data.values()].filter((one) => one.isKnown);
  const said = (mark) => all.filter((one) => one.mine?.mark === mark).map((one) => one.id);
  if (!said("yes").length) { say("Mark one or more objects of the base yes first."); return; }
  const next = new URL(event.target.dataset.like, location.href);
  next.searchParams.set("by", "like");
  said("yes").forEach((id) => next.searchParams.append("like", id));
  said("no").slice(0, 50).forEach((id) => next.searchParams.append("unlike", id));
  next.searchParams.set("go", "1");
  location.assign(next);
});
