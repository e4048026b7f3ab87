// Runs once beside the map's frame; the frame itself comes and goes with each answer, so it is looked up every time.
const frame = () => element.querySelector('iframe');
const theme = () => (document.querySelector('body.dark, .gradio-container.dark, html.dark') ? 'dark' : 'light');
const tell = message => frame()?.contentWindow?.postMessage({src: 'mean-page', ...message}, '*');
window.addEventListener('message', event => {
  if (!frame() || event.source !== frame().contentWindow || event.data?.src !== 'mean-map') return;
  if (event.data.ready) tell({theme: theme()});
  else if (Number.isInteger(event.data.rank)) trigger('pick', {rank: event.data.rank});
  else if (Array.isArray(event.data.area)) trigger('area', {area: event.data.area.map(Number)});
  else if (typeof event.data.query === 'string') trigger('pick', {query: event.data.query});
});
new MutationObserver(() => tell({theme: theme()}))
  .observe(document.body, {attributes: true, attributeFilter: ['class']});

// A photo that the browser cannot draw gets a sentence (page.css) in place of a broken picture.
const mark = event => {
  if (event.target.tagName === 'IMG' && event.target.closest('#photo'))
    event.target.classList.toggle('unshown', event.type === 'error');
};
document.addEventListener('error', mark, true);
document.addEventListener('load', mark, true);
