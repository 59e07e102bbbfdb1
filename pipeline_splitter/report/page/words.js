// The facts, and how figures are said. Mirrors moorage/objectives/units.py; units and words come with the facts.

const plan = JSON.parse(document.getElementById("facts").textContent);
const objective = plan.cost.length ? plan.cost[0].objective : "money";
const OBJECTIVES = Object.fromEntries(plan.objectives.map((each) => [each.name, each]));

function plain(value) {
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString("en");
  if (size === 0) return "0";
  if (size >= 1e-3) return String(Number(value.toPrecision(3)));
  // Two digits, without an exponent where that can be read.
  return size >= 1e-6 ? value.toFixed(1 - Math.floor(Math.log10(size))).replace(/0+$/, "") : value.toExponential(1);
}

function scaled(value, units) {
  let size = value;
  let at = 0;
  while (Math.abs(size) >= 999.5 && at < units.length - 1) {
    size /= 1000;
    at += 1;
  }
  return `${plain(size)}\u00a0${units[at]}`;
}

function duration(seconds) {
  if (seconds < 0) return `-${duration(-seconds)}`;
  if (seconds < 60) return `${plain(seconds)}\u00a0s`;
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}\u00a0min${whole % 60 ? ` ${whole % 60}\u00a0s` : ""}`;
  const hours = Math.floor(minutes / 60).toLocaleString("en");
  return `${hours}\u00a0h${minutes % 60 ? ` ${minutes % 60}\u00a0min` : ""}`;
}

function bytes(value) {
  return amount("bytes", value);
}

function amount(name, value) {
  const { duration: isDuration, smallSteps, steps, currency } = OBJECTIVES[name];
  if (isDuration) return duration(value);
  if (currency) return `${plain(value)}\u00a0${currency}`;
  if (smallSteps.length && value && Math.abs(value) < 0.1) return scaled(value * 1000 ** (smallSteps.length - 1), smallSteps);
  return steps.length ? scaled(value, steps) : plain(value);
}

function change(name, value) {
  if (value === 0) return "the same";
  return (value > 0 ? "+" : "−") + amount(name, Math.abs(value));
}

// A figure with its unit, and what it measures where the unit does not say that.
function said(name, value) {
  const { noun, currency } = OBJECTIVES[name];
  return noun && !currency ? `${amount(name, value)} ${noun}` : amount(name, value);
}

function prices(costs) {
  return plan.objectives.filter((each) => each.priced).map((each) => said(each.name, costs[each.name]));
}

function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

function capitalised(word) {
  return word[0].toUpperCase() + word.slice(1);
}

function shortened(text, length) {
  const letters = [...text];
  if (letters.length <= length) return text;
  const tail = Math.floor((length - 1) / 3);
  return `${letters.slice(0, length - 1 - tail).join("")}…${letters.slice(letters.length - tail).join("")}`;
}

// As the author calls it; else its name, which is its path.
function taskName(task) {
  return plan.tasks[task].title || plan.tasks[task].name;
}

function siteName(site) {
  return plan.sites[site].name;
}

function siteClass(site) {
  return `s${site % 10}`;
}
