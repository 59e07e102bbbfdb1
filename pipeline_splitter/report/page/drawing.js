// The graph, drawn.

const graphBox = byId("graph-box");
const graph = { scale: 0, stretch: 1, current: null, upright: false, view: "graph" };
const MOST_LABELS = 80;

function curve(edge, upright) {
  const { one, other } = edge;
  if (upright) {
    const [x1, y1, x2, y2] = [one.x + one.width / 2, one.y + one.height, other.x + other.width / 2, other.y];
    const bend = Math.max(18, Math.abs(y2 - y1) / 2);
    return [x1, y1, x1, y1 + bend, x2, y2 - bend, x2, y2];
  }
  const [x1, y1, x2, y2] = [one.x + one.width, one.y + one.height / 2, other.x, other.y + other.height / 2];
  const bend = Math.max(22, Math.abs(x2 - x1) / 2);
  return [x1, y1, x1 + bend, y1, x2 - bend, y2, x2, y2];
}

function pointOn([x1, y1, x2, y2, x3, y3, x4, y4], t) {
  const [a, b, c, d] = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t ** 3];
  return [a * x1 + b * x2 + c * x3 + d * x4, a * y1 + b * y2 + c * y3 + d * y4];
}

function edgeClass(edge) {
  return `edge${edge.crosses ? ` crosses ${siteClass(edge.site)}` : ""}${edge.kind ? " loose" : ""}`;
}

function edgeWidth(edge) {
  return edge.size ? Math.min(5, 1.4 + Math.max(0, Math.log10(edge.size / 1e6)) * 0.85) : 1.3;
}

function linePath([x1, y1, x2, y2, x3, y3, x4, y4]) {
  return `M${x1} ${y1}C${x2} ${y2} ${x3} ${y3} ${x4} ${y4}`;
}

function tipPath(points, width) {
  const [x, y] = points.slice(6);
  const reach = 4 + width;
  return graph.upright ? `M${x} ${y}l${-reach / 1.6} ${-reach}h${reach * 1.25}z` : `M${x} ${y}l${-reach} ${-reach / 1.6}v${reach * 1.25}z`;
}

// Edges that look the same are one path: a graph of thousands is some hundred elements.
function drawEdges(edges, layer, coarse) {
  const lines = new Map();
  const tips = new Map();
  const collect = (map, key, path) => {
    if (!map.has(key)) map.set(key, []);
    map.get(key).push(path);
  };
  for (const edge of edges) {
    const width = coarse ? Math.round(edgeWidth(edge)) : edgeWidth(edge);
    collect(lines, `${edgeClass(edge)}|${width.toFixed(1)}`, linePath(edge.points));
    // In the rest of a split column, a tip would seem to come from the column's first part.
    if (edge.other.at && edge.other.at[2]) continue;
    collect(tips, edge.crosses ? `tip ${siteClass(edge.site)}` : "tip plain", tipPath(edge.points, width));
  }
  for (const [key, paths] of lines) {
    const [name, width] = key.split("|");
    const line = draw("path", { class: name, d: paths.join("") });
    line.style.strokeWidth = `${width}px`;
    layer.append(line);
  }
  for (const [name, paths] of tips) layer.append(draw("path", { class: name, d: paths.join("") }));
}

// Bytes on the largest crossings, where they hide no other label and no task.
function drawLabels(edges, layers, taken) {
  const crossing = edges.filter((edge) => edge.size > 0).sort((one, other) => other.size - one.size).slice(0, MOST_LABELS);
  for (const edge of crossing) {
    const text = bytes(edge.size);
    const width = text.length * 6.7 + 14;
    for (const t of [0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8]) {
      const [x, y] = pointOn(edge.points, t);
      const box = { x: x - width / 2, y: y - 10, width, height: 20 };
      if (t !== 0.8 && taken.some((other) => overlap(box, other))) continue;
      taken.push(box);
      const label = draw("g", { class: `bytes ${siteClass(edge.site)}` },
        draw("rect", { x: box.x, y: box.y, width, height: 20, rx: 10 }),
        draw("text", { x, y: y + 4, "text-anchor": "middle" }, text));
      edge.label = label;
      layers.labels.append(label);
      break;
    }
  }
}

function overlap(one, other) {
  return one.x < other.x + other.width && other.x < one.x + one.width && one.y < other.y + other.height && other.y < one.y + one.height;
}

function drawTask(node) {
  const task = plan.tasks[node.task];
  const kind = task.inserted ? " inserted" : "";
  const mark = task.inserted ? "release" : task.unit ? "unit" : "";
  return draw("g", {
    class: `node task ${siteClass(task.site)}${kind}`,
    transform: `translate(${node.x} ${node.y})`,
    tabindex: -1,
    role: "button",
    "data-task": node.task,
    "aria-label": `${task.name}, at ${siteName(task.site)}${task.inserted ? ", an inserted release" : ""}`,
    on: pressable(() => showTask(node.task)),
  },
  draw("title", {}, `${task.name}\n${siteName(task.site)}: ${plan.sayings[task.why]}`),
  draw("rect", { class: "shape", width: node.width, height: node.height, rx: 8 }),
  draw("rect", { class: "stripe", x: 6, y: 9, width: 4, height: node.height - 18, rx: 2 }),
  draw("text", { x: 18, y: mark ? 17 : 23.5 }, shortened(task.name, NODE_LETTERS)),
  mark ? draw("text", { class: "mark", x: 18, y: 30 }, mark) : null);
}

function drawGroup(box) {
  const group = plan.groups[box.group];
  const unfolded = open.has(box.group);
  const inside = draw("g", {
    class: `node group ${siteClass(group.site)}${unfolded ? "" : " folded"}`,
    transform: `translate(${box.x} ${box.y})`,
    tabindex: -1,
    role: "button",
    "aria-expanded": String(unfolded),
    "data-group": box.group,
    "aria-label": `Group ${group.id} at ${siteName(group.site)}, ${count(group.tasks.length, "task")}`,
    on: pressable(() => fold(box.group)),
  },
  unfolded ? "" : draw("rect", { class: "ground", width: box.width, height: box.height, rx: 12 }),
  draw("rect", { class: "group-box", width: box.width, height: box.height, rx: 12 }),
  draw("path", { class: "tip", d: unfolded ? "M13 13h9l-4.5 6z" : "M14 24l6 4.5-6 4.5z" }),
  draw("text", { class: "group-name", x: 29, y: unfolded ? 21 : 26 }, shortened(group.id, 20)),
  draw("text", { class: "group-sum", x: unfolded ? box.width - 13 : 29, y: unfolded ? 21 : 43, "text-anchor": unfolded ? "end" : "start" }, count(group.tasks.length, "task")));
  return inside;
}

function drawStock(node) {
  const stock = plan.stocks[node.stock];
  return draw("g", {
    class: `node stock ${siteClass(stock.site)}`,
    transform: `translate(${node.x} ${node.y})`,
    tabindex: -1,
    role: "button",
    "aria-label": `${stock.name}, data at ${siteName(stock.site)}, ${bytes(stock.bytes)}`,
    "data-stock": node.stock,
    on: pressable(() => showStock(node.stock)),
  },
  draw("title", {}, `${stock.name}\nat ${siteName(stock.site)}, ${bytes(stock.bytes)}`),
  draw("rect", { class: "shape", width: node.width, height: node.height, rx: 17 }),
  draw("text", { x: node.width / 2, y: 15, "text-anchor": "middle" }, shortened(stock.name, 18)),
  draw("text", { class: "group-sum", x: node.width / 2, y: 28, "text-anchor": "middle" }, `${shortened(siteName(stock.site), 12)}, ${bytes(stock.bytes)}`));
}

function drawGraph() {
  if (!plan.groups.length) {
    graphBox.replaceChildren(make("p", { class: "empty" }, plan.tasks.length ? "The plan has no groups." : "The pipeline has no tasks."));
    return;
  }
  if (graph.view === "schedule") {
    drawSchedule();
    return;
  }
  const upright = graphBox.clientWidth < 640;
  const placed = arrangeGraph(upright);
  const edges = visibleEdges(placed.places);
  const margin = 18;
  const layers = { groups: draw("g"), edges: draw("g"), lit: draw("g", { class: "lit" }), nodes: draw("g"), labels: draw("g") };
  placed.boxes.forEach((box) => {
    (box.tasks.length ? layers.groups : layers.nodes).append(drawGroup(box));
    box.tasks.forEach((node) => layers.nodes.append(drawTask(node)));
  });
  placed.stocks.forEach((node) => layers.nodes.append(drawStock(node)));
  graph.upright = upright;
  edges.forEach((edge) => { edge.points = curve(edge, upright); });
  drawEdges(edges, layers.edges, edges.length > 600);
  const taken = placed.boxes.flatMap((box) => (box.tasks.length ? box.tasks : [box])).concat(placed.stocks);
  drawLabels(edges, layers, taken.slice(0, 400));
  const [width, height] = [placed.width + 2 * margin, placed.height + 2 * margin];
  const picture = draw("svg", { viewBox: `${-margin} ${-margin} ${width} ${height}`, role: "group", "aria-label": "The tasks as a graph; arrow keys move" },
    layers.groups, layers.edges, layers.lit, layers.nodes, layers.labels);
  graph.current = { picture, edges, width, height, lit: layers.lit };
  picture.classList.toggle("dense", edges.length > 250);
  showPicture(picture);
  if (!graph.scale) fitGraph();
  zoom(graph.scale);
}

function showPicture(picture) {
  graphBox.replaceChildren(picture);
  picture.addEventListener("keydown", moveFocus);
  const first = picture.querySelector(".node");
  if (first) first.setAttribute("tabindex", "0");
  markGraph();
}

function fitGraph() {
  const { width, height } = graph.current;
  const wide = (graphBox.clientWidth - 2) / width;
  const high = 740 / height;
  graph.scale = Math.max(graph.upright ? 0.78 : 0.8, Math.min(1.15, wide, Math.max(high, 0.8)));
}

function zoom(scale) {
  if (!graph.current) return;
  graph.scale = Math.min(2.5, Math.max(0.12, scale));
  const { picture, width, height } = graph.current;
  picture.setAttribute("width", Math.round(width * graph.scale));
  picture.setAttribute("height", Math.round(height * graph.scale));
}

// The graph grows as a picture, the schedule along its time.
function magnify(times) {
  if (graph.view === "graph") zoom(graph.scale * times);
  else {
    graph.stretch = Math.min(50, Math.max(1, graph.stretch * times));
    drawGraph();
  }
}

function fitWidth() {
  if (graph.view === "graph" && graph.current) zoom(Math.min(1.15, (graphBox.clientWidth - 2) / graph.current.width));
  else magnify(1e-3);
}

function fold(index) {
  if (!open.delete(index)) open.add(index);
  drawGraph();
  const head = graphBox.querySelector(`[data-group="${index}"]`);
  if (head) focusNode(head);
}

// Fade what the filters leave out, and light up the chosen task's edges.
function markGraph() {
  if (!graph.current) return;
  const { picture, edges, lit } = graph.current;
  picture.classList.toggle("has-choice", choice.task >= 0);
  for (const node of picture.querySelectorAll(".task")) {
    const task = Number(node.dataset.task);
    node.classList.toggle("faded", !choice.shows(task));
    node.classList.toggle("chosen", task === choice.task);
  }
  for (const node of picture.querySelectorAll(".group")) {
    const group = Number(node.dataset.group);
    const shown = choice.showsSite(plan.groups[group].site) && (choice.group < 0 || choice.group === group);
    node.classList.toggle("faded", !shown);
  }
  const chosen = edges.filter((edge) => edge.from.has(choice.task) || edge.to.has(choice.task));
  for (const edge of edges) if (edge.label) edge.label.classList.toggle("lit", chosen.includes(edge));
  lit.replaceChildren();
  drawEdges(chosen, lit, false);
}

function focusNode(node) {
  const other = graphBox.querySelector('[tabindex="0"]');
  if (other) other.setAttribute("tabindex", "-1");
  node.setAttribute("tabindex", "0");
  node.focus({ preventScroll: true });
  intoView(node);
}

function intoView(node) {
  const [inner, outer] = [node.getBoundingClientRect(), graphBox.getBoundingClientRect()];
  const room = 24;
  if (inner.left > outer.left + room && inner.right < outer.right - room && inner.top > outer.top + room && inner.bottom < outer.bottom - room) return;
  graphBox.scrollBy(inner.left + inner.width / 2 - outer.left - outer.width / 2, inner.top + inner.height / 2 - outer.top - outer.height / 2);
}

// Arrow keys go to the nearest node on that side.
function moveFocus(event) {
  const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
  const from = event.target.closest(".node");
  if (!way || !from) return;
  event.preventDefault();
  const middle = (node) => {
    const box = node.getBoundingClientRect();
    return node.classList.contains("group") ? [box.left + box.width / 2, box.top + 14] : [box.left + box.width / 2, box.top + box.height / 2];
  };
  const [x, y] = middle(from);
  let best = null;
  let least = Infinity;
  for (const node of graphBox.querySelectorAll(".node")) {
    if (node === from) continue;
    const [dx, dy] = [middle(node)[0] - x, middle(node)[1] - y];
    const along = dx * way[0] + dy * way[1];
    const aside = Math.abs(dx * way[1]) + Math.abs(dy * way[0]);
    if (along < 4 || along + 2.5 * aside >= least) continue;
    [best, least] = [node, along + 2.5 * aside];
  }
  if (best) focusNode(best);
}

// The mouse drags the graph; fingers scroll it by themselves.
function dragGraph() {
  let from = null;
  graphBox.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" || event.button || event.target.closest(".task, .stock")) return;
    from = [event.clientX + graphBox.scrollLeft, event.clientY + graphBox.scrollTop, event.clientX, event.clientY];
  });
  window.addEventListener("pointermove", (event) => {
    if (!from) return;
    if (Math.hypot(event.clientX - from[2], event.clientY - from[3]) > 4) graphBox.classList.add("grab");
    graphBox.scrollTo(from[0] - event.clientX, from[1] - event.clientY);
  });
  window.addEventListener("pointerup", () => {
    from = null;
    setTimeout(() => graphBox.classList.remove("grab"));
  });
  graphBox.addEventListener("click", (event) => {
    if (graphBox.classList.contains("grab")) event.stopPropagation();
  }, true);
}

function goToGroup(group) {
  const node = graphBox.querySelector(`[data-group="${group}"]`);
  if (node) intoView(node);
}

function startGraph() {
  const tools = byId("graph-tools");
  const all = plan.groups.map((_, index) => index);
  const refold = (indices) => {
    open.clear();
    indices.forEach((index) => open.add(index));
    graph.scale = 0;
    drawGraph();
  };
  const picker = make("select", { "aria-label": "Show one group", on: { change: () => { choice.group = Number(picker.value); choice.changed(); goToGroup(choice.group); } } },
    make("option", { value: -1 }, "All groups"),
    plan.groups.map((group, index) => make("option", { value: index }, shortened(group.id, 40))));
  tools.append(
    switcher("Show as", [["graph", "Graph"], ["schedule", "Schedule"]], graph.view, (view) => {
      graph.view = view;
      byId("graph").classList.toggle("timed", view === "schedule");
      graph.scale = 0;
      drawGraph();
    }),
    plan.groups.length > 1 ? picker : "",
    button("Fold", () => refold([]), { title: "Show groups only", class: "untimed" }),
    plan.tasks.length <= 1000 ? button("Unfold", () => refold(all), { title: "Show every task", class: "untimed" }) : "",
    button("−", () => magnify(1 / 1.25), { "aria-label": "Smaller" }),
    button("+", () => magnify(1.25), { "aria-label": "Larger" }),
    button("Fit", fitWidth, { "aria-label": "Fit the width", class: "roomy" }));
  const sample = (name) => draw("svg", { width: 30, height: 8, "aria-hidden": "true" }, draw("path", { class: name, d: "M0 4H30" }));
  byId("graph-key").append(
    make("span", {}, sample("edge crosses s0"), "crosses sites, with its bytes"),
    make("span", {}, sample("edge"), "stays at its site"),
    make("span", {}, sample("edge loose"), "a parameter, or order only"),
    plan.stocks.length ? make("span", {}, draw("svg", { width: 26, height: 14, "aria-hidden": "true", class: "s0" }, draw("rect", { class: "shape key-stock", x: 1, y: 1, width: 24, height: 12, rx: 6, fill: "none", stroke: "currentColor" })), "data before the run") : "");
  dragGraph();
  drawGraph();
  choice.views.push(markGraph);
}
