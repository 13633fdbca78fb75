// Puts a text into the clipboard, and says whether that worked. A frame may not use the clipboard's own interface, but may
// copy what is selected; so may a page that comes without encryption.
export async function copy(text) {
  if (window !== window.top || !navigator.clipboard) return copySelected(text);
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelected(text);
  }
}

function copySelected(text) {
  const focused = document.activeElement;
  const box = document.createElement("textarea");
  box.value = text;
  box.style.position = "fixed"; // where the page does not scroll to it
  (focused?.closest("dialog") ?? document.body).append(box);
  box.select();
  const copied = document.execCommand("copy");
  box.remove();
  focused?.focus({ preventScroll: true });
  return copied;
}
