// A log as it grows. Text is text: nothing in it becomes markup.

const box = document.getElementById("log");
const MOST = 4_000_000;
let source = null;

function atEnd() {
  return box.scrollHeight - box.scrollTop - box.clientHeight < 40;
}

function add(text) {
  const follows = atEnd();
  box.append(document.createTextNode(text));
  while (box.textContent.length > MOST && box.firstChild !== box.lastChild) box.firstChild.remove();
  box.normalize();
  if (follows) box.scrollTop = box.scrollHeight;
}

function open() {
  if (source || document.hidden || !box.dataset.stream) return;
  source = new EventSource(`${box.dataset.stream}&start=${box.dataset.next}`);
  source.addEventListener("text", (event) => {
    const { text, next } = JSON.parse(event.data);
    box.dataset.next = next;
    add(text);
  });
  source.addEventListener("end", () => {
    close();
    box.dataset.stream = "";
    location.reload();
  });
  source.addEventListener("error", () => {
    // It begins again where it stopped, not where this connection began.
    close();
    setTimeout(open, 2000);
  });
}

function close() {
  if (source) source.close();
  source = null;
}

if (box) {
  box.scrollTop = box.scrollHeight;
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.addEventListener("pagehide", close);
  open();
}
document.documentElement.dataset.ready = "true";
