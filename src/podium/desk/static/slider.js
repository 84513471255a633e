// The slider from the champion's answers to the challenger's. Without this script both stand below each other.
"use strict";

const slide = document.getElementById("slide");
if (slide) {
  const side = document.getElementById("side");
  const names = slide.querySelectorAll("label span");
  const pairs = [...document.querySelectorAll("#sampled .answers")].map((answers) => {
    const said = [".before", ".after"].map((kind) => answers.querySelector(kind));
    const bars = said.map((one) => one.querySelector("rect"));
    return { said, bars, widths: bars.map((bar) => parseFloat(bar.getAttribute("width"))) };
  });
  const show = () => {
    const share = Number(side.value) / 100;
    const chosen = share < 0.5 ? 0 : 1;
    names.forEach((name, number) => name.classList.toggle("chosen", number === chosen));
    side.setAttribute("aria-valuetext", names[chosen].textContent);
    for (const { said, bars, widths } of pairs) {
      said.forEach((one, number) => one.classList.toggle("away", number !== chosen));
      bars.forEach((bar) => bar.setAttribute("width", `${widths[0] + (widths[1] - widths[0]) * share}%`));
    }
  };
  slide.hidden = false;
  document.getElementById("sampled").classList.add("sliding");
  side.addEventListener("input", show);
  show();
}
