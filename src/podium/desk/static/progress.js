// While a decision is being carried out: looks every two seconds how far it is. Without this script there is a link.
"use strict";

const look = async () => {
  const shown = document.getElementById("progress");
  try {
    const answer = await fetch(location.href);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("progress");
    if (!fresh) return;
    if (shown.dataset.underWay !== fresh.dataset.underWay) {
      delete shown.dataset.underWay;
      shown.replaceChildren(...fresh.childNodes);
      const marks = (page) => page.querySelector(".marks");
      if (marks(document) && marks(fresh.ownerDocument)) marks(document).replaceWith(marks(fresh.ownerDocument));
    }
  } catch {
    // the desk was stopped: whoever looks again will see
  }
  if (shown.dataset.underWay) setTimeout(look, 2000);
};
if (document.getElementById("progress")?.dataset.underWay) setTimeout(look, 1000);
