// What swapping parts takes away from a page and a browser gives for free: a busy sign, and a word when the network fails.
(() => {
  document.documentElement.classList.add("with-script");
  const region = (id, text) => { const place = document.getElementById(id); place.textContent = ""; setTimeout(() => { place.textContent = text; }, 50); };
  const form = (event) => { const source = event.detail.ctx && event.detail.ctx.sourceElement; return source && source.closest("form"); };
  document.addEventListener("htmx:before:request", (event) => {
    const sender = form(event);
    if (!sender) return;
    region("alert", "");
    document.getElementById("step").setAttribute("aria-busy", "true");
    for (const button of sender.querySelectorAll("button")) button.disabled = true;
    if (sender.dataset.busy) { region("announcement", sender.dataset.busy); sender.classList.add("sending"); }
  });
  document.addEventListener("htmx:finally:request", (event) => {
    document.getElementById("step").removeAttribute("aria-busy");
    const sender = form(event);
    if (!sender) return;
    for (const button of sender.querySelectorAll("button")) button.disabled = false;
    sender.classList.remove("sending");
  });
  document.addEventListener("htmx:error", (event) => { if (form(event)) region("alert", document.body.dataset.lost); });
  // Before a sign-in ends by itself there is a word, with a button that keeps it going; what was typed stays (W25).
  const ending = document.getElementById("ending");
  if (ending) {
    let until = Date.now() + ending.dataset.seconds * 1000;
    const stay = ending.querySelector("form");
    setInterval(() => {
      const left = until - Date.now();
      if (left <= 0) { until = Infinity; document.getElementById("ending-out").submit(); }
      else if (left <= ending.dataset.warn * 1000 && !ending.open) ending.showModal();
    }, 1000);
    stay.addEventListener("submit", (event) => {
      event.preventDefault();
      fetch(stay.action, { method: "POST", body: new URLSearchParams(new FormData(stay)) }).then((answer) => {
        if (answer.url.includes("/sign-in")) window.location.reload();
        if (!answer.ok) return;
        until = Date.now() + 900000;
        ending.close();
      });
    });
    document.addEventListener("htmx:after:request", () => { until = Math.max(until, Date.now() + 840000); });
  }
  document.addEventListener("click", (event) => { if (event.target.closest("[data-print]")) window.print(); });
})();
