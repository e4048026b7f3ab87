// Copies what a button names. One listener for all cards, which come and go.
document.addEventListener('click', async event => {
  const button = event.target.closest?.('button.copy');
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.classList.add('done');
  setTimeout(() => button.classList.remove('done'), 1500);
});
