// Each page its own title: Gradio gives all of them the first one's, when it is ready.
(() => {
  const page = location.pathname.replace(/\/+$/, '').split('/').pop();
  if (!['flight', 'galleries', 'inspect'].includes(page)) return;
  const name = page[0].toUpperCase() + page.slice(1);
  const set = () => {
    if (!document.title.startsWith(name)) document.title = `${name} – Drone-photo locator`;
  };
  new MutationObserver(set).observe(document.head, {childList: true, subtree: true, characterData: true});
  set();
})();
