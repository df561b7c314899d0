// Check All and the running total of the list of services. Without this file a checked Check All still means all of them.
(() => {
  const money = (cents, language) =>
    new Intl.NumberFormat(language === "es" ? "es-US" : "en-US", { style: "currency", currency: "USD" }).format(cents / 100);
  const announce = (text) => { document.getElementById("announcement").textContent = text; };
  for (const form of document.querySelectorAll("form[data-services]")) {
    const all = form.querySelector("[data-check-all]");
    const boxes = [...form.querySelectorAll("input[data-cents]")];
    const total = form.querySelector("[data-total]");
    if (!all || !boxes.length) continue;
    const show = (speak) => {
      const checked = boxes.filter((box) => box.checked);
      // one box is a choice of its own: Check All fixes the amount, a single service does not
      if (boxes.length > 1) all.checked = checked.length === boxes.length;
      else if (!checked.length) all.checked = false;
      all.indeterminate = checked.length > 0 && checked.length < boxes.length;
      const cents = checked.reduce((sum, box) => sum + Number(box.dataset.cents), 0);
      const words = checked.length ? form.dataset.textTotal.replace("{total}", money(cents, form.dataset.language)) : form.dataset.textNone;
      total.textContent = words;
      if (speak) announce(words);
    };
    all.addEventListener("change", () => { for (const box of boxes) box.checked = all.checked; show(true); });
    for (const box of boxes) box.addEventListener("change", () => show(true));
    show(false);
  }
})();
