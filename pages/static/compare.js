// Runs once beside the comparison, which comes and goes with each answer: the range input moves the border, and a
// button shows both pictures as large as the screen.
element.addEventListener('input', event => {
  event.target.closest('.compare')?.style.setProperty('--at', `${event.target.value}%`);
});
element.addEventListener('click', async event => {
  const curtain = event.target.closest('button.full')?.closest('.curtain');
  if (!curtain) return;
  if (document.fullscreenElement) return document.exitFullscreen();
  try { await curtain.requestFullscreen(); } catch { curtain.classList.toggle('wide'); }  // phones have no full screen
});
