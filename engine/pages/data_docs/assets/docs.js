// Filters and sorts what the pages already hold; nothing is loaded.
"use strict";

function filterRows() {
  const words = (document.querySelector("#search")?.value || "").toLowerCase().split(/\s+/).filter(Boolean);
  const onlyFailing = document.querySelector("#failing")?.checked;
  for (const row of document.querySelectorAll("#tables tbody tr")) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word)) || (onlyFailing && row.dataset.failing === "0");
  }
}

function sortBy(header) {
  const body = header.closest("table").tBodies[0];
  const at = [...header.parentNode.children].indexOf(header);
  const down = header.dataset.down !== "1";
  header.dataset.down = down ? "1" : "0";
  const value = (row) => row.cells[at].dataset.value ?? row.cells[at].textContent.trim();
  const rows = [...body.rows].sort((a, b) => value(a).localeCompare(value(b), undefined, { numeric: true }));
  body.append(...(down ? rows : rows.reverse()));
}

function markHeld() {
  for (const section of document.querySelectorAll(".gx .ge-section")) {
    const rows = [...section.querySelectorAll(":scope > .row > .table-responsive > table > tbody > tr")];
    for (const row of rows) row.classList.toggle("held-row", !!row.cells[0]?.querySelector(".fa-check-circle"));
    section.classList.toggle("all-held", rows.length > 0 && rows.every((row) => row.classList.contains("held-row")));
  }
}

document.querySelector("#search")?.addEventListener("input", filterRows);
document.querySelector("#failing")?.addEventListener("change", filterRows);
document.querySelector("#only-failed")?.addEventListener("change", (event) =>
  document.body.classList.toggle("only-failed", event.target.checked));
for (const header of document.querySelectorAll("th[data-sort]")) header.addEventListener("click", () => sortBy(header));
for (const link of document.querySelectorAll('a[data-toggle="collapse"]')) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    document.getElementById(link.getAttribute("href").slice(1))?.classList.toggle("show");
  });
}
markHeld();
