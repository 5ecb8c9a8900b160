// Wide formulas, code and tables scroll by themselves: those that do can be reached, and scrolled, by keyboard.

(() => {
const WIDE = "pre, div.math, mjx-container, .table-wrapper, .widget, .ngpu-scroll, .cell_output > div, .sidebar-scroll, .toc-scroll";
function reach() {
  for (const element of document.querySelectorAll(WIDE)) {
    const style = getComputedStyle(element);
    const scrolls = (element.scrollWidth > element.clientWidth && /auto|scroll/.test(style.overflowX))
      || (element.scrollHeight > element.clientHeight && /auto|scroll/.test(style.overflowY));
    if (scrolls && !element.hasAttribute("tabindex")) {
      element.tabIndex = 0;
      element.dataset.reached = "";
    } else if (!scrolls && "reached" in element.dataset) {
      element.removeAttribute("tabindex");
      delete element.dataset.reached;
    }
  }
}
let timer = 0;
const soon = () => { clearTimeout(timer); timer = setTimeout(reach, 150); };
addEventListener("load", soon);
addEventListener("resize", soon);
document.addEventListener("toggle", soon, true);
document.addEventListener("DOMContentLoaded", () => {
  soon();
  new MutationObserver(soon).observe(document.querySelector("article") ?? document.body, { childList: true, subtree: true });
});
})();
