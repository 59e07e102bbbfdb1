// This plan beside others.

function ratio(value, ours) {
  if (value === ours) return make("span", { class: "ratio quiet" }, "the same");
  if (!ours) return make("span", { class: "ratio more" }, "instead of 0");
  const times = value / ours;
  const percent = Math.abs(times - 1) * 100;
  if (percent < 0.1) return make("span", { class: "ratio quiet" }, "about the same");
  const text = times >= 2 ? `${plain(times)} ×` : `${times > 1 ? "+" : "−"}${percent.toFixed(percent < 10 ? 1 : 0)} %`;
  return make("span", { class: `ratio ${times > 1 ? "more" : "less"}` }, text);
}

function startComparison() {
  const names = Object.keys(OBJECTIVES);
  const cells = (costs, ours) => names.map((name) => make("td", { class: "number", "data-of": OBJECTIVES[name].title }, amount(name, costs[name]), ours ? "" : ratio(costs[name], plan.costs[name])));
  const rows = plan.comparison.map((other) => make("tr", {},
    make("th", { scope: "row" }, other.name, other.costs && other.reason ? make("span", { class: "ratio quiet" }, other.reason) : ""),
    other.costs ? cells(other.costs, false) : make("td", { class: "full quiet", colspan: names.length }, make("span", { class: "badge bad" }, "not possible"), ` ${other.reason}`)));
  byId("compare-table").append(make("table", {},
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Plan"), names.map((name) => make("th", { scope: "col", class: "number" }, OBJECTIVES[name].title)))),
    make("tbody", {}, make("tr", { class: "ours" }, make("th", { scope: "row" }, "This plan"), cells(plan.costs, true)), rows)));
}
