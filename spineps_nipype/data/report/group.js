// The table: a heading sorts, name and verdict filter.
const table = document.getElementById("table"), body = table.tBodies[0], rows = [...body.rows];
const heads = [...table.tHead.rows[0].cells], said = document.getElementById("said");
heads.forEach((head, column) => head.querySelector("button")?.addEventListener("click", () => {
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const other of heads) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const key = (row) => row.cells[column].dataset.key;
  const compare = head.dataset.kind === "number"
    ? (a, b) => Number(a) - Number(b)
    : (a, b) => a.localeCompare(b, "en", { numeric: true });
  rows.sort((a, b) => {
    const x = key(a), y = key(b);
    if (!x || !y) return (x ? 0 : 1) - (y ? 0 : 1);
    return (down ? -1 : 1) * compare(x, y);
  });
  body.append(...rows);
}));
function choose() {
  const words = document.getElementById("words").value.trim().toLowerCase();
  const verdict = document.querySelector(".choices :checked").value;
  let count = 0;
  for (const row of rows) {
    const hide = !row.dataset.scan.toLowerCase().includes(words) || (verdict && row.dataset.verdict !== verdict);
    if (row.hidden !== Boolean(hide)) row.hidden = hide;
    count += !hide;
  }
  said.textContent = `${count} of ${rows.length} scans`;
}
for (const field of document.querySelectorAll("#words, .choices input")) field.addEventListener("input", choose);
choose();
