// The bar: its links lead to the parts of the scan that is in view.
const scans = [...document.querySelectorAll("section.scan")], links = [...document.querySelectorAll(".bar [data-to]")];
const places = [...document.querySelectorAll("#Scans, section.scan, [data-part], #Methods")];
function partsOf(word) { return [...document.querySelectorAll(`[data-part="${word}"]`)]; }
function follow() {
  const line = innerHeight * 0.35, atEnd = scrollY > 0 && scrollY + innerHeight >= document.documentElement.scrollHeight - 2;
  const passed = places.filter((one) => one.getBoundingClientRect().top <= line);
  const place = atEnd ? places.at(-1) : passed.at(-1) ?? places[0];
  const scan = place.closest("section.scan") ?? (place.id === "Methods" ? scans.at(-1) : scans[0]);
  const now = place.dataset.part ?? (place.id === "Methods" ? "methods" : "scans");
  for (const link of links) {
    const word = link.dataset.to;
    if (word === "checks" || word === "metrics") {
      const parts = partsOf(word), part = parts.find((one) => scan?.contains(one)) ?? parts[0];
      link.parentElement.hidden = !part;
      if (part) link.href = "#" + encodeURIComponent(part.id);
    }
    if (word === now) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
  }
  document.querySelector(".bar .where").textContent = place.closest("section.scan") ? scan.dataset.scan : "";
}
addEventListener("scroll", () => requestAnimationFrame(follow), { passive: true });
follow();

// Mosaics: one slider for the masks, and pictures that enlarge.
const dialog = document.getElementById("enlarged"), inDialog = (name) => dialog.querySelector("." + name);
let figure = null, at = 0;
function fade(one, percent) {
  one.style.setProperty("--masks", percent / 100);
  one.querySelector(".masks").value = percent;
  if (one === figure) {
    dialog.style.setProperty("--masks", percent / 100);
    inDialog("masks").value = percent;
  }
}
function choose(one, kind) {
  one.dataset.kind = kind;
  one.querySelector(`.kinds [value=${kind}]`).checked = true;
  if (one === figure) {
    dialog.dataset.kind = kind;
    inDialog("kind").textContent = kind === "vert" ? "Show structures" : "Show vertebrae";
  }
}
const panelsOf = (one) => [...one.querySelectorAll(".panel")];
const shownMasks = () => Number(inDialog("masks").value);
function enlarge(place) {
  const panels = panelsOf(figure);
  at = (place + panels.length) % panels.length;
  const picture = panels[at].querySelector("svg").cloneNode(true);
  inDialog("shown").replaceChildren(picture);
  inDialog("shown").style.setProperty("--aspect", panels[at].style.getPropertyValue("--aspect"));
  document.getElementById("enlarged-title").textContent = `${panels[at].dataset.title} (${at + 1} of ${panels.length})`;
}
for (const one of document.querySelectorAll(".mosaic")) {
  one.querySelector(".masks").addEventListener("input", (event) => fade(one, event.target.value));
  for (const kind of one.querySelectorAll(".kinds input")) kind.addEventListener("change", () => choose(one, kind.value));
  panelsOf(one).forEach((panel, place) => panel.addEventListener("click", () => {
    figure = one;
    enlarge(place);
    choose(one, one.dataset.kind);
    fade(one, one.querySelector(".masks").value);
    dialog.showModal();
    inDialog("next").focus();
  }));
}
inDialog("masks").addEventListener("input", () => fade(figure, shownMasks()));
inDialog("kind").addEventListener("click", () => choose(figure, figure.dataset.kind === "vert" ? "spine" : "vert"));
inDialog("previous").addEventListener("click", () => enlarge(at - 1));
inDialog("next").addEventListener("click", () => enlarge(at + 1));
inDialog("close").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => panelsOf(figure)[at].focus());
const keys = {
  ArrowLeft: () => enlarge(at - 1),
  ArrowRight: () => enlarge(at + 1),
  ArrowUp: () => fade(figure, Math.min(shownMasks() + 10, 100)),
  ArrowDown: () => fade(figure, Math.max(shownMasks() - 10, 0)),
  m: () => fade(figure, shownMasks() ? 0 : 100),
};
dialog.addEventListener("keydown", (event) => {
  const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey || (event.target.type === "range" && event.key !== "m")) return;
  event.preventDefault();
  act();
});

// Ratings are saved as files.
for (const form of document.querySelectorAll(".rating")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = Object.fromEntries(new FormData(form));
    const content = { scan: form.dataset.scan, ...given, time: new Date().toISOString() };
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(content, null, 2) + "\n"], { type: "application/json" }));
    link.download = form.dataset.scan + "_rating.json";
    link.click();
    form.querySelector(".saved").textContent = "Saved.";
  });
}
