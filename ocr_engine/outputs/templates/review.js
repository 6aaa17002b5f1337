"use strict";
(() => {
  const near = JSON.parse(document.body.dataset.near || "{}");
  const box = (n) => document.getElementById("box-" + n);
  const block = (n) => document.getElementById("block-" + n);
  const mark = (n, name, on) => [box(n), block(n)].forEach((e) => e && e.classList.toggle(name, on));
  let here = null;
  function select(n, scroll) {
    if (here !== null) mark(here, "here", false);
    here = n;
    if (n === null) return;
    mark(n, "here", true);
    const target = scroll === "block" ? block(n) : box(n);
    if (target) target.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }
  document.querySelectorAll("[data-n]").forEach((e) => {
    const n = e.dataset.n;
    const inText = e.classList.contains("block");
    e.addEventListener("mouseenter", () => mark(n, "near", true));
    e.addEventListener("mouseleave", () => mark(n, "near", false));
    e.addEventListener("click", (event) => {
      if (inText && (String(getSelection()) || event.target.closest("details, a[href^='http'], a[href^='mailto']"))) return;
      event.preventDefault();
      select(n, inText ? "box" : "block");
    });
  });
  const only = document.getElementById("only");
  function filter(status) {
    const suffix = status ? "?only=" + status : "";
    for (const way of ["previous", "next"]) {
      const link = document.getElementById(way);
      const page = (near[status || "all"] || {})[way];
      if (page) link.href = page + suffix; else link.removeAttribute("href");
      if (page) link.removeAttribute("aria-disabled"); else link.setAttribute("aria-disabled", "true");
    }
  }
  if (only) {
    const asked = new URLSearchParams(location.search).get("only") || "";
    only.hidden = false;
    only.value = [...only.options].some((o) => o.value === asked) ? asked : "";
    only.addEventListener("change", () => filter(only.value));
    filter(only.value);
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, input")) return;
    const way = { ArrowLeft: "previous", ArrowRight: "next" }[event.key];
    const link = way && document.getElementById(way);
    if (link && link.href) location.href = link.href;
    if (event.key === "Escape") select(null);
  });
  document.querySelectorAll(".filters input").forEach((e) =>
    e.addEventListener("change", () => document.querySelectorAll(".list a").forEach((a) => {
      a.search = e.value ? "?only=" + e.value : "";
    })));
})();
