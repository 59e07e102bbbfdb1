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

function startSites() {
  const box = byId("sites");
  plan.sites.forEach((site, index) => {
    const used = tasksAt[index] || plan.transfers.some((transfer) => transfer.from === index);
    if (!used && plan.sites.length > 12) return;
    const about = [site.jurisdiction, tasksAt[index] ? count(tasksAt[index], "task") : "no task"].filter(Boolean).join(", ");
    const chip = make("button", {
      type: "button",
      class: `chip ${siteClass(index)}`,
      "aria-pressed": "false",
      title: site.clearance ? `cleared for ${site.clearance}${site.confidential ? ", offers confidential compute" : ""}; ${amount("money", site.price)} a CPU hour; ${plain(site.carbon)} g CO₂e a kWh` : "",
      on: {
        click: () => {
          if (!choice.sites.delete(index)) choice.sites.add(index);
          chip.setAttribute("aria-pressed", String(choice.sites.has(index)));
          choice.changed();
        },
      },
    }, make("i", { class: "dot", "aria-hidden": "true" }), site.name, make("small", {}, about));
    box.append(chip);
  });
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
