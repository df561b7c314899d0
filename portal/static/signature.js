// Drawing a signature on the sign page. Without this file the other two ways are there and nothing is missing.
(() => {
  const form = document.querySelector("[data-signature-form]");
  if (!form || typeof SignaturePad === "undefined") return;
  const canvas = form.querySelector("[data-pad]");
  const kept = form.querySelector("[data-drawing]");
  for (const part of form.querySelectorAll("[data-draw]")) part.hidden = false;
  const pad = new SignaturePad(canvas, { penColor: "#14255a", backgroundColor: "rgba(0,0,0,0)", minWidth: 1, maxWidth: 3 });
  // As many points as the screen has, up to two for one; a resize keeps what was drawn, smaller where it would be cut.
  const fit = () => {
    if (!canvas.offsetWidth) return;
    const ratio = Math.min(Math.max(window.devicePixelRatio || 1, 1), 2);
    const drawn = pad.toData();
    const points = drawn.flatMap((line) => line.points);
    const scale = Math.min(1, ...points.map((point) => (canvas.offsetWidth - 4) / Math.max(point.x, 1)));
    for (const point of scale < 1 ? points : []) { point.x *= scale; point.y *= scale; }
    canvas.width = canvas.offsetWidth * ratio;
    canvas.height = canvas.offsetHeight * ratio;
    canvas.getContext("2d").scale(ratio, ratio);
    pad.clear();
    pad.fromData(drawn);
  };
  new ResizeObserver(fit).observe(canvas);
  form.querySelector("[data-clear]").addEventListener("click", () => { pad.clear(); kept.value = ""; });
  form.addEventListener("submit", () => {
    const way = form.querySelector("input[name=way]:checked");
    kept.value = way && way.value === "drawn" && !pad.isEmpty() ? canvas.toDataURL("image/png") : "";
  });
})();
