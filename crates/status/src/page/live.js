// Keeps the page live: takes over what has changed, section by section, without touching the rest.
"use strict";

const state = document.getElementById("feed");
const form = document.getElementById("filter");
let source = null;

// Makes `old` like `fresh` with as few changes as possible, so that focus, selection and scrolling stay.
function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
    old.replaceWith(fresh);
    return;
  }
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  morphChildren(old, fresh);
}

function morphChildren(old, fresh) {
  const before = [...old.childNodes];
  const after = [...fresh.childNodes];
  after.forEach((child, index) => {
    if (index < before.length) morph(before[index], child);
    else old.append(child);
  });
  before.slice(after.length).forEach((child) => child.remove());
}

function take(sections) {
  performance.mark("take");
  for (const [id, html] of Object.entries(sections)) {
    const place = document.getElementById(id);
    const template = document.createElement("template");
    template.innerHTML = html;
    if (place) morphChildren(place, template.content);
  }
  performance.measure("update", "take");
  show("live", "live");
}

function show(name, words) {
  if (state.dataset.state !== name) {
    state.dataset.state = name;
    state.textContent = words;
  }
}

function start() {
  stop();
  source = new EventSource("/updates" + location.search);
  source.onmessage = (message) => take(JSON.parse(message.data));
  source.onerror = () => {
    show("lost", "not live, trying again");
    // After an answer that is none, as when too many pages are open, a browser does not try again.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => document.hidden || start(), 5000);
  };
}

function stop() {
  if (source) source.close();
  source = null;
}

// The filter works by itself; with this, it does while one types.
let typing = 0;
function filter() {
  clearTimeout(typing);
  typing = setTimeout(() => {
    const query = new URLSearchParams(new FormData(form));
    for (const [name, value] of [...query]) if (!value) query.delete(name);
    const search = query.toString();
    history.replaceState(null, "", search ? "?" + search : location.pathname);
    start();
  }, 150);
}
form.addEventListener("input", filter);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  filter();
});

// A page that nobody sees asks for nothing.
document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
window.addEventListener("pagehide", stop);

start();
