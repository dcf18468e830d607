// Buttons that copy the text of an element, also where the clipboard is closed to pages from disk.
async function copyText(element) {
  try {
    await navigator.clipboard.writeText(element.innerText);
    return true;
  } catch {
    const range = document.createRange(), chosen = getSelection();
    range.selectNodeContents(element);
    chosen.removeAllRanges();
    chosen.addRange(range);
    const done = document.execCommand("copy");
    if (done) chosen.removeAllRanges();
    return done;
  }
}
for (const button of document.querySelectorAll("button.copy")) {
  const told = button.nextElementSibling;
  button.addEventListener("click", async () => {
    const done = await copyText(document.getElementById(button.dataset.from));
    told.textContent = done ? "Copied." : "It is selected: copy it with the keyboard.";
  });
}
