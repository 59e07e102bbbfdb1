// The graph, drawn.

const graphBox = byId("graph-box");
const graph = { scale: 0, stretch: 1, current: null, upright: false, view: "graph" };
const MOST_LABELS = 80;
const ASIDE = 0.68;
const MARGIN = 18;
// Smaller, letters can't be read.
const LEAST_UPRIGHT = 0.72;

function curve(edge, upright) {
  const { one, other } = edge;
  if (upright) {
    // Right of the middle, beside the groups' names.
    const [x1, y1, x2, y2] = [one.x + one.width * ASIDE, one.y + one.height, other.x + other.width * ASIDE, other.y];
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

// A name in one line, or in two where it has a place to break.
function nameLines(name, most, width) {
  const letters = Math.floor((width - 26) / LETTER);
  if (most === 1 || [...name].length <= letters) return [shortened(name, letters)];
  const head = name.slice(0, letters);
  const place = Math.max(...["-", "_", "/", ".", " "].map((mark) => head.lastIndexOf(mark))) + 1;
  if (place < 4) return [shortened(name, letters)];
  return [name.slice(0, place), shortened(name.slice(place), letters)];
}

function drawTask(node) {
  const task = plan.tasks[node.task];
  const kind = task.inserted ? " inserted" : "";
  // A group of one task is the task: its id stands in it, and no box around it says both again.
  const lone = isLone(node.group) && plan.groups[node.group].id;
  const mark = [task.inserted ? "release" : task.unit ? "unit" : "", lone].filter(Boolean).join(" · ");
  const name = taskName(node.task);
  return draw("g", {
    class: `node task ${siteClass(task.site)}${kind}`,
    transform: `translate(${node.x} ${node.y})`,
    tabindex: -1,
    role: "button",
    "data-task": node.task,
    "aria-label": `${name}, at ${siteName(task.site)}${task.inserted ? ", an inserted release" : ""}`,
    on: pressable(() => showTask(node.task)),
  },
  draw("title", {}, `${name}${task.title ? ` (${task.name})` : ""}\n${siteName(task.site)}: ${plan.sayings[task.why]}`),
  draw("rect", { class: "shape", width: node.width, height: node.height, rx: 8 }),
  draw("rect", { class: "stripe", x: 6, y: 9, width: 4, height: node.height - 18, rx: 2 }),
  nameLines(name, mark ? 1 : 2, node.width).map((text, index, all) => draw("text", { x: 18, y: mark ? 17 : (all.length > 1 ? 16.5 : 23.5) + 14 * index }, text)),
  mark ? draw("text", { class: "mark", x: 18, y: 30 }, shortened(mark, Math.floor((node.width - 26) / 6))) : null);
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
  unfolded && graph.upright ? "" : draw("text", { class: "group-sum", x: unfolded ? box.width - 13 : 29, y: unfolded ? 21 : 43, "text-anchor": unfolded ? "end" : "start" }, isLone(box.group) ? shortened(taskName(group.tasks[0]), 22) : count(group.tasks.length, "task")));
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
  draw("text", { x: node.width / 2, y: 15, "text-anchor": "middle" }, shortened(stock.name, 17)),
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
  graph.upright = upright;
  const placed = arrangeGraph(upright, (graphBox.clientWidth - 2) / LEAST_UPRIGHT - 2 * MARGIN);
  const edges = visibleEdges(placed.places);
  const margin = MARGIN;
  const layers = { groups: draw("g"), edges: draw("g"), lit: draw("g", { class: "lit" }), nodes: draw("g"), labels: draw("g") };
  placed.boxes.forEach((box) => {
    if (!box.tasks.length) layers.nodes.append(drawGroup(box));
    else if (!isLone(box.group)) layers.groups.append(drawGroup(box));
    box.tasks.forEach((node) => layers.nodes.append(drawTask(node)));
  });
  placed.stocks.forEach((node) => layers.nodes.append(drawStock(node)));
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
