// Runs once beside the comparison, which comes and goes with each answer: the range input moves the border.
element.addEventListener('input', event => {
  event.target.closest('.compare')?.style.setProperty('--at', `${event.target.value}%`);
});
