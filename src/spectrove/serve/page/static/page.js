// What every page has: files dropped anywhere, words completed, a line that says what happened.

export const say = (text) => {
  const place = document.getElementById("said");
  place.textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { place.textContent = ""; }, 8000);
};

const EVERY = 10_000; // milliseconds between two words on one thing that goes on

// Says aloud how something goes on: its beginning, then each quarter or every ten seconds, and what is important.
export const teller = () => {
  let last = -Infinity, quarter = 0;
  return (text, share = null, important = false) => {
    const now = performance.now(), at = share === null ? quarter : Math.floor(4 * share);
    if (!important && at <= quarter && now - last < EVERY) return;
    last = now;
    quarter = Math.max(quarter, at);
    const place = document.getElementById("aloud"), line = document.createElement("p");
    line.textContent = text;
    place.append(line);
    while (place.children.length > 5) place.firstChild.remove();
  };
};

// The sentence of a problem (RFC 9457), or of whatever came instead.
export const problemOf = async (answer) => {
  try {
    const said = await answer.json();
    const refused = (said.refusals ?? []).slice(0, 3).map((one) => one.error);
    return refused.length && !said.detail.startsWith(refused[0]) ? `${said.detail} ${refused.join(" ")}` : said.detail;
  } catch {
    return `The server answered ${answer.status}.`;
  }
};

// JSON from an address; a problem is thrown as its sentence.
export const json = async (address, options = {}) => {
  const answer = await fetch(address, { headers: { accept: "application/json" }, ...options });
  if (!answer.ok) throw new Error(await problemOf(answer));
  return answer.json();
};

const bring = async (form) => {
  say("Reading …");
  try {
    const said = await json(document.body.dataset.bring, { method: "POST", body: form });
    location.assign(said.page);
  } catch (error) {
    say("");
    refuse(error.message);
  }
};

// A sentence where people look: below the form that brought the files, or at the top.
const refuse = (sentence) => {
  document.querySelector(".refused")?.remove();
  const told = document.createElement("p");
  told.className = "caution refused";
  told.setAttribute("role", "alert");
  told.textContent = sentence;
  const form = document.querySelector("form.bring");
  if (form) form.after(told); else document.getElementById("main").prepend(told);
  told.scrollIntoView({ block: "nearest" });
};

const catchFiles = () => {
  const cover = document.getElementById("drop");
  if (!cover) return;
  const chosen = document.querySelector("form.bring");
  chosen?.addEventListener("submit", (event) => {
    event.preventDefault();
    const form = new FormData(chosen);
    for (const [name, value] of [...form]) if (value === "") form.delete(name);
    bring(form);
  });
  let depth = 0;
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => { if (hasFiles(event)) { depth += 1; cover.hidden = false; } });
  addEventListener("dragleave", (event) => { if (hasFiles(event)) { depth -= 1; cover.hidden = depth <= 0; } });
  addEventListener("dragover", (event) => { if (hasFiles(event)) event.preventDefault(); });
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    cover.hidden = true;
    if (chosen) { // with what is said there of how files are read, and to be asked with anew
      chosen.elements.spectra.files = event.dataTransfer.files;
      chosen.requestSubmit();
      return;
    }
    const form = new FormData();
    for (const file of event.dataTransfer.files) form.append("spectra", file, file.name);
    bring(form);
  });
};

// Columns of the base whose names begin as the last word does, as buttons below the field.
const complete = (field) => {
  const columns = field.dataset.complete.split(" ").filter(Boolean);
  const list = document.createElement("div");
  list.className = "completions";
  list.setAttribute("role", "group");
  list.setAttribute("aria-label", "Columns");
  field.closest("form").append(list);
  field.addEventListener("input", () => {
    const word = field.value.slice(0, field.selectionStart).match(/[A-Za-z_][\w]*$/)?.[0] ?? "";
    const fit = word.length ? columns.filter((name) => name !== word && name.toLowerCase().startsWith(word.toLowerCase())) : [];
    list.replaceChildren(...fit.slice(0, 8).map((name) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.addEventListener("click", () => {
        const end = field.selectionStart;
        field.setRangeText(`${name} `, end - word.length, end, "end");
        list.replaceChildren();
        field.focus();
      });
      return button;
    }));
  });
};

// Tables and spectra for other programs on this machine.
const offer = (button) => {
  button.addEventListener("click", async () => {
    try {
      const sent = await json(button.dataset.send, { method: "POST" });
      say(`Sent to ${sent.sent_to.join(", ")}.`);
    } catch (error) {
      say(error.message);
    }
  });
};

catchFiles();
document.querySelectorAll("[data-send]").forEach(offer);
document.querySelectorAll("[data-complete]").forEach(complete);
document.querySelectorAll("[data-back]").forEach((link) => {
  link.addEventListener("click", (event) => { if (history.length > 1) { event.preventDefault(); history.back(); } });
});
