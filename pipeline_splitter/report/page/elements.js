// Makes elements. Whatever a pipeline's author wrote goes through textContent or setAttribute, never through markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") for (const [event, run] of Object.entries(value)) node.addEventListener(event, run);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function draw(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function byId(id) {
  return document.getElementById(id);
}

function siteLabel(site) {
  return make("span", { class: `site ${siteClass(site)}` }, make("i", { class: "dot", "aria-hidden": "true" }), siteName(site));
}

function button(label, run, attributes = {}) {
  return make("button", { type: "button", on: { click: run }, ...attributes }, label);
}

// A row of buttons of which one is pressed.
function switcher(label, options, chosen, run) {
  const buttons = options.map(([value, text]) =>
    button(text, () => {
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === buttons[options.findIndex((one) => one[0] === value)]));
      run(value);
    }, { "aria-pressed": String(value === chosen) }));
  return make("span", { class: "switch", role: "group", "aria-label": label }, buttons);
}

// Enter and space press what is no button by itself.
function pressable(run) {
  return {
    click: run,
    keydown: (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      run(event);
    },
  };
}
