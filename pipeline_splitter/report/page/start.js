// Puts the page together.

function startFigures() {
  const asked = new Map(plan.cost.map((result) => [result.objective, result]));
  for (const { name, title: label, explained } of plan.objectives) {
    const result = asked.get(name);
    const rank = result ? plan.cost.indexOf(result) : -1;
    const proven = !result ? "" : result.optimal ? "proven best" : result.gap < 1 ? `proven within ${plain(result.gap * 100)} %` : "nothing proven";
    byId("figures").append(make("div", { class: `figure${result ? " asked" : ""}` },
      make("dt", {}, label),
      make("dd", {}, amount(name, plan.costs[name])),
      make("dd", { class: "small" }, result ? `asked for${plan.cost.length > 1 ? ` as no. ${rank + 1}` : ""}, ${proven}` : explained)));
  }
}

function startNotes() {
  if (!plan.warnings.length) return;
  byId("notes").hidden = false;
  byId("notes-list").append(...plan.warnings.map((warning) => make("li", {}, warning)));
}

function startTheme() {
  byId("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const now = root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
  });
}

function startResizing() {
  let width = window.innerWidth;
  let due = 0;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    cancelAnimationFrame(due);
    due = requestAnimationFrame(() => {
      graph.scale = 0;
      drawGraph();
      drawFlows();
      drawRows();
    });
  });
}

startFigures();
startSites();
startGraph();
startFlows();
startComparison();
startTable();
startNotes();
startSearch();
startTheme();
startResizing();
byId("foot").textContent = `Pipeline ${plan.name}, SHA-256 ${plan.digest}. Sizes in decimal units; ${plan.currency ? `money in ${plan.currency}` : "money in the unit of the sites' prices"}.`;
document.documentElement.dataset.ready = "true";
