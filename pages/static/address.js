// The address of what is shown: each answer's card names it. Back, Forward and links within the page ask for theirs.
let follow = true;  // the next card is no new step: it is the first one, or was asked for by Back
const withTheme = query => {
  const all = new URLSearchParams(query), theme = new URLSearchParams(location.search).get('__theme');
  if (theme) all.set('__theme', theme);
  const text = all.toString();
  return location.pathname + (text ? '?' + text : '');
};
const write = () => {
  const card = element.querySelector('[data-address]');
  if (!card) return;
  const address = withTheme(card.dataset.address);
  if (address !== location.pathname + location.search) history[follow ? 'replaceState' : 'pushState'](null, '', address);
  follow = false;
};
watch('value', () => requestAnimationFrame(write));  // when the new card is drawn
window.addEventListener('popstate', () => { follow = true; trigger('turn', {address: location.search}); });
element.addEventListener('click', event => {
  const link = event.target.closest('a[data-turn]');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  trigger('turn', {address: new URL(link.href).search});
});
