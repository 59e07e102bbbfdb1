// What crosses, site by site: from the left to the right, as wide as it weighs; then as a table.

const flowsMap = byId("flows-map");
const MOST_RIBBONS = 80;
const FIRST_ROWS = 10;
const MOVING = plan.objectives.filter((each) => each.moves);
const flows = { by: "bytes" };

const pairs = new Map();
for (const transfer of plan.transfers) {
  const key = `${transfer.from} ${transfer.to}`;
  if (!pairs.has(key)) pairs.set(key, { from: transfer.from, to: transfer.to, transfers: [], ...Object.fromEntries(MOVING.map(({ name }) => [name, 0])) });
  const pair = pairs.get(key);
  for (const { name } of MOVING) pair[name] += transfer[name];
  pair.transfers.push(transfer);
}
const flowPairs = [...pairs.values()].sort((one, other) => other.bytes - one.bytes || one.from - other.from || one.to - other.to);

function ends(side, total, height, gap) {
  const found = new Map();
  for (const pair of flowPairs) found.set(pair[side], (found.get(pair[side]) || 0) + pair[flows.by]);
  const sites = [...found.keys()].sort((one, other) => one - other);
  const room = height - gap * (sites.length - 1);
  let y = 0;
  return new Map(sites.map((site) => {
    const end = { site, value: found.get(site), y, height: Math.max(4, (room * found.get(site)) / (total || 1)) };
    end.next = y;
    y += end.height + gap;
    return [site, end];
  }));
}

function drawFlows() {
  if (!flowPairs.length) {
    flowsMap.replaceChildren(make("p", { class: "empty" }, "Nothing moves: every task reads data at its own site."));
    return;
  }
  const width = Math.max(260, flowsMap.clientWidth);
  const total = flowPairs.reduce((sum, pair) => sum + pair[flows.by], 0);
  const most = Math.max(new Set(flowPairs.map((pair) => pair.from)).size, new Set(flowPairs.map((pair) => pair.to)).size);
  const height = Math.max(150, Math.min(900, most * 66));
  const gap = most > 12 ? 14 : 26;
  const [left, right] = [ends("from", total, height, gap), ends("to", total, height, gap)];
  const top = 34;
  const picture = draw("svg", { viewBox: `0 0 ${width} ${height + top + 26}`, height: height + top + 26, role: "group", "aria-label": "Flows between sites" },
    draw("text", { class: "column", x: 0, y: 12 }, "From"),
    draw("text", { class: "column", x: width, y: 12, "text-anchor": "end" }, "To"));
  const labels = draw("g");
  const heaviest = [...flowPairs].sort((one, other) => other[flows.by] - one[flows.by]).slice(0, MOST_RIBBONS);
  for (const pair of heaviest.sort((one, other) => one.from - other.from || one.to - other.to)) {
    const [one, other] = [left.get(pair.from), right.get(pair.to)];
    const thick = (end) => Math.max(1.5, end.value ? (end.height * pair[flows.by]) / end.value : end.height);
    const [a, b] = [thick(one), thick(other)];
    const [y1, y2] = [one.next + top, other.next + top];
    one.next += a;
    other.next += b;
    const [x1, x2, middle] = [10, width - 10, width / 2];
    picture.append(draw("path", {
      class: `ribbon node ${siteClass(pair.from)}`,
      d: `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}V${y2 + b}C${middle} ${y2 + b} ${middle} ${y1 + a} ${x1} ${y1 + a}Z`,
      tabindex: 0,
      role: "button",
      "data-sites": `${pair.from} ${pair.to}`,
      "aria-label": `${siteName(pair.from)} to ${siteName(pair.to)}: ${amount(flows.by, pair[flows.by])}`,
      on: pressable(() => showPair(pair)),
    }, draw("title", {}, `${siteName(pair.from)} → ${siteName(pair.to)}: ${amount(flows.by, pair[flows.by])}`)));
  }
  const fits = Math.floor((width - 70) / 2 / 7.6);
  for (const [sides, x, anchor, bar] of [[left, 18, "start", 0], [right, width - 18, "end", width - 8]]) {
    for (const end of sides.values()) {
      const value = amount(flows.by, end.value);
      picture.append(draw("rect", { class: `end ${siteClass(end.site)}`, x: bar, y: end.y + top, width: 8, height: end.height, rx: 3 }));
      const name = shortened(siteName(end.site), Math.max(6, fits - value.length - 2));
      const y = end.y + top + end.height / 2;
      const long = (name.length + value.length + 1) * 7.3 + 10;
      labels.append(
        draw("rect", { class: "behind", x: anchor === "start" ? x - 5 : x + 5 - long, y: y - 11, width: long, height: 22, rx: 6 }),
        draw("text", { class: "label", x, y: y + 4.5, "text-anchor": anchor }, `${name} `, draw("tspan", {}, value)));
    }
  }
  picture.append(labels);
  flowsMap.replaceChildren(picture, flowPairs.length > MOST_RIBBONS ? make("p", { class: "quiet" }, `The ${MOST_RIBBONS} heaviest of ${flowPairs.length.toLocaleString("en")} flows are drawn; the table has all.`) : "");
  markFlows();
}

// Fade what neither comes from nor goes to a chosen site.
function markFlows() {
  for (const ribbon of flowsMap.querySelectorAll(".ribbon")) {
    const shown = ribbon.dataset.sites.split(" ").some((site) => choice.showsSite(Number(site)));
    ribbon.classList.toggle("faded", !shown);
  }
}

function pairRow(pair) {
  return make("tr", {},
    make("th", { scope: "row" }, make("button", { type: "button", class: "link", on: { click: () => showPair(pair) } }, siteLabel(pair.from), " → ", siteLabel(pair.to))),
    make("td", { class: "number", "data-of": "Things brought" }, pair.transfers.length.toLocaleString("en")),
    MOVING.map(({ name, title }) => make("td", { class: "number", "data-of": title }, amount(name, pair[name]))));
}

function startFlows() {
  if (flowPairs.length) {
    byId("flows-tools").append(switcher("Weigh by", MOVING.map(({ name }) => [name, capitalised(name)]), flows.by, (value) => {
      flows.by = value;
      drawFlows();
    }));
    const few = flowPairs.length > FIRST_ROWS + 2 ? flowPairs.slice(0, FIRST_ROWS) : flowPairs;
    const body = make("tbody", {}, few.map(pairRow));
    byId("flows-table").append(make("table", {},
      make("thead", {}, make("tr", {}, ...["From, to", "Things brought", ...MOVING.map(({ name }) => capitalised(name))].map((text, index) => make("th", { scope: "col", class: index ? "number" : "" }, text)))),
      body));
    if (few.length < flowPairs.length) {
      const more = button(`Show all ${flowPairs.length.toLocaleString("en")}`, () => {
        body.append(...flowPairs.slice(few.length).map(pairRow));
        more.remove();
      }, { class: "link after" });
      byId("flows-table").append(more);
    }
  }
  drawFlows();
  choice.views.push(markFlows);
}
