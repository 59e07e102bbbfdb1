// Where everything stands, in pixels: groups in columns (rows on a narrow screen), tasks inside of them.

const MANY = 120;
const open = new Set(plan.tasks.length > (plan.groups.length > 1 ? MANY : 5 * MANY) ? [] : plan.groups.map((_, index) => index));
const LETTER = 6.9;
const longest = Math.max(0, ...plan.tasks.map((_, task) => [...taskName(task)].length));
const NODE = { width: 0, height: 38 };
const FOLDED = { width: 190, height: 58 };
const STOCK = { width: 136, height: 34 };
const HEAD = 34;
const PAD = 12;

// As wide as the longest name, within reason; on a narrow screen, so that three lanes fit.
function sizeNodes(upright) {
  NODE.width = Math.max(96, Math.min(upright ? 112 : 162, Math.round(longest * LETTER) + 30));
}

function columnsOf(items) {
  const columns = [];
  items.forEach((item) => {
    const [column] = item.at;
    (columns[column] ||= []).push(item);
  });
  columns.forEach((column) => column.sort((one, other) => one.at[1] - other.at[1]));
  return columns.filter(Boolean);
}

// Put columns of boxes side by side, each centred. `along` is the way the graph runs.
function stack(columns, upright, gapAlong, gapAcross) {
  const along = upright ? "height" : "width";
  const across = upright ? "width" : "height";
  const lengths = columns.map((column) => column.reduce((sum, box) => sum + box[across], 0) + gapAcross * (column.length - 1));
  const widest = Math.max(0, ...lengths);
  let main = 0;
  columns.forEach((column, index) => {
    let cross = (widest - lengths[index]) / 2;
    const deep = Math.max(...column.map((box) => box[along]));
    column.forEach((box) => {
      const offset = main + (deep - box[along]) / 2;
      box.x = upright ? cross : offset;
      box.y = upright ? offset : cross;
      cross += box[across] + gapAcross;
    });
    const next = columns[index + 1];
    if (next) main += deep + (next[0].at[2] ? gapAcross : gapAlong);
    else main += deep;
  });
  return upright ? { width: widest, height: main } : { width: main, height: widest };
}

function isLone(index) {
  return plan.groups[index].tasks.length === 1;
}

// Columns no wider across than `most`: what is too many for one goes on in the next.
function wrapped(columns, most, gap) {
  return columns.flatMap((column) => {
    const parts = [[]];
    let across = -gap;
    for (const box of column) {
      across += box.width + gap;
      if (across > most && parts.at(-1).length) {
        parts.push([]);
        across = box.width;
      }
      parts.at(-1).push(box);
    }
    return parts;
  });
}

function groupBox(index, upright, most) {
  const group = plan.groups[index];
  const box = { group: index, at: group.at, tasks: [] };
  if (!open.has(index)) return Object.assign(box, FOLDED);
  box.tasks = group.tasks.map((task) => ({ task, group: index, at: plan.tasks[task].at, ...NODE }));
  const columns = columnsOf(box.tasks);
  const size = stack(upright ? wrapped(columns, most - 2 * PAD, 12) : columns, upright, upright ? 30 : 46, 12);
  box.width = Math.max(size.width + 2 * PAD, FOLDED.width);
  box.height = size.height + HEAD + PAD;
  const slack = (box.width - 2 * PAD - size.width) / 2;
  box.tasks.forEach((node) => {
    node.x += PAD + slack;
    node.y += HEAD;
  });
  return box;
}

// Small plans: time runs along, each site has a lane, and a group lies where its tasks' turns come.
function arrangeLanes(upright) {
  const gap = upright ? 62 : 38;
  const step = (upright ? NODE.height : NODE.width) + gap;
  const deep = upright ? NODE.width + 12 : NODE.height + 12;
  const places = [];
  const boxes = plan.groups.map((group, index) => {
    const rows = new Map();
    const tasks = [...group.tasks].sort((one, other) => plan.tasks[one].along[1] - plan.tasks[other].along[1]).map((task) => {
      const [column] = plan.tasks[task].along;
      rows.set(column, (rows.get(column) || 0) + 1);
      return { task, group: index, column, row: rows.get(column) - 1, ...NODE };
    });
    return { group: index, site: group.site, tasks, rows, from: Math.min(...rows.keys()), to: Math.max(...rows.keys()), most: Math.max(...rows.values()) };
  });
  const stocks = plan.stocks.map((stock, index) => ({ stock: index, site: stock.site, from: stock.along[0], to: stock.along[0], ...STOCK }));
  const across = (item) => {
    if (item.tasks) return upright ? item.most * deep - 12 + 2 * PAD : item.most * deep - 12 + HEAD + PAD;
    return upright ? STOCK.width : STOCK.height;
  };
  let at = 0;
  for (const site of plan.lanes) {
    const tracks = [];
    const items = [...boxes, ...stocks].filter((item) => item.site === site).sort((one, other) => one.from - other.from || one.to - other.to);
    for (const item of items) {
      let track = tracks.find((one) => one.last < item.from);
      if (!track) tracks.push(track = { items: [] });
      track.items.push(item);
      track.last = item.to;
    }
    for (const { items: side } of tracks) {
      const size = Math.max(...side.map(across));
      side.forEach((item) => {
        const offset = at + (size - across(item)) / 2;
        const start = item.from * step;
        const length = (item.to - item.from) * step + (upright ? NODE.height : NODE.width);
        if (!item.tasks) {
          const middle = start + (upright ? (NODE.height - STOCK.height) / 2 : (NODE.width - STOCK.width) / 2);
          Object.assign(item, upright ? { x: offset, y: middle } : { x: middle, y: offset });
          return;
        }
        Object.assign(item, upright
          ? { x: offset, y: start - HEAD, width: across(item), height: length + HEAD + PAD }
          : { x: start - PAD, y: offset, width: length + 2 * PAD, height: across(item) });
        item.tasks.forEach((node) => {
          const spare = ((item.most - item.rows.get(node.column)) * deep) / 2;
          const cross = node.row * deep + spare;
          node.x = upright ? offset + PAD + cross : node.column * step;
          node.y = upright ? node.column * step : offset + HEAD + cross;
          places[node.task] = node;
        });
      });
      at += size + (upright ? 16 : 20);
    }
    if (tracks.length) at += upright ? 6 : 8;
  }
  stocks.forEach((node) => { places[plan.tasks.length + node.stock] = node; });
  const all = [...boxes, ...stocks];
  const [left, top] = [Math.min(...all.map((box) => box.x)), Math.min(...all.map((box) => box.y))];
  all.concat(boxes.flatMap((box) => box.tasks)).forEach((box) => {
    box.x -= left;
    box.y -= top;
  });
  const width = Math.max(...all.map((box) => box.x + box.width));
  const height = Math.max(...all.map((box) => box.y + box.height));
  return { boxes, stocks, places, width, height };
}

// On a narrow screen lanes stand side by side where they fit; else rows of boxes below each other, each as wide as the screen.
// Boxes with absolute places, and the place of every node that is drawn (by number; folded tasks stand for their group).
function arrangeGraph(upright, most) {
  sizeNodes(upright);
  if (plan.tasks.length <= MANY && open.size === plan.groups.length) {
    const lanes = arrangeLanes(upright);
    if (upright ? lanes.width <= most : lanes.height < 1500) return lanes;
  }
  const boxes = plan.groups.map((_, index) => groupBox(index, upright, most));
  const stocks = plan.stocks.map((stock, index) => ({ stock: index, at: stock.at, ...STOCK }));
  const columns = columnsOf([...boxes, ...stocks]);
  const size = stack(upright ? wrapped(columns, most, 18) : columns, upright, upright ? 44 : 66, upright ? 18 : 22);
  const places = [];
  boxes.forEach((box) => {
    box.tasks.forEach((node) => {
      node.x += box.x;
      node.y += box.y;
      places[node.task] = node;
    });
    if (!box.tasks.length) plan.groups[box.group].tasks.forEach((task) => { places[task] = box; });
  });
  stocks.forEach((node) => { places[plan.tasks.length + node.stock] = node; });
  return { boxes, stocks, places, ...size };
}

// Edges between what is drawn: what runs between the same two boxes is one.
function visibleEdges(places) {
  const found = new Map();
  const names = new Map();
  const nameOf = (place) => {
    if (!names.has(place)) names.set(place, names.size);
    return names.get(place);
  };
  for (const [from, to, kind, size, shared] of plan.edges) {
    const [one, other] = [places[from], places[to]];
    if (!one || !other || one === other) continue;
    const key = nameOf(one) * 1e6 + nameOf(other);
    const origin = siteOfNode(from);
    const crosses = size > 0 || shared > 0;
    const edge = found.get(key);
    if (!edge) found.set(key, { one, other, kind, size, crosses, site: origin, from: new Set([from]), to: new Set([to]) });
    else {
      edge.kind = Math.min(edge.kind, kind);
      edge.size += size;
      edge.crosses ||= crosses;
      edge.from.add(from);
      edge.to.add(to);
    }
  }
  return [...found.values()];
}

function siteOfNode(node) {
  return node < plan.tasks.length ? plan.tasks[node].site : plan.stocks[node - plan.tasks.length].site;
}
