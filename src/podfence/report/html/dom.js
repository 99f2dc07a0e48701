// Elements of the page. Every text goes in as text, so that no name can become markup.

export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "class") element.className = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

export function svg(tag, attributes = {}) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

// A part of the page drawn anew without losing the place of the keyboard.
export function replace(host, ...children) {
  const key = document.activeElement?.dataset?.key;
  host.replaceChildren(...children.flat().filter(Boolean));
  if (key && !document.activeElement?.dataset?.key) host.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

export function say(text) {
  document.getElementById("said").textContent = text;
}

export function mobile() {
  return window.matchMedia("(max-width: 760px)").matches;
}
