// Asks in the page whether Synapse goes on when its window is closed. Made by `closing.py`, which gives it its words.
(words) => {
  document.getElementById('leave-question')?.remove();
  const make = (tag, classes, text, parent) => {
    const element = Object.assign(document.createElement(tag), { className: classes, textContent: text });
    parent.append(element);
    return element;
  };
  const dialog = make('dialog', 'sy-dialog is-question', '', document.body);
  dialog.id = 'leave-question';
  dialog.setAttribute('aria-labelledby', 'leave-title');
  make('style', '', `#leave-question { margin: auto; } #leave-question:not([open]) { display: none; }
    #leave-question::backdrop { background: var(--cmd-scrim); }`, dialog);
  make('h2', '', words.title, dialog).id = 'leave-title';
  for (const line of words.lines) make('p', 'sy-2', line, dialog);
  const error = make('p', 'sy-error', '', dialog);
  error.setAttribute('role', 'alert');
  const buttons = make('div', 'sy-dialog-buttons', '', dialog);
  const answer = async (choice) => {
    const problem = await window.pywebview.api.answer(choice);
    if (problem) error.textContent = problem;
  };
  for (const [choice, classes] of [['stay', 'is-ghost'], ['stop', 'is-danger'], ['background', 'is-primary']]) {
    const button = make('button', `sy-btn ${classes}`, words[choice], buttons);
    button.type = 'button';
    button.onclick = () => (choice === 'stay' ? dialog.close() : answer(choice));
    if (choice === 'background') button.autofocus = true;
  }
  // Escape and a press beside it keep the window. Keys belong to the question, not to the shortcuts of the page.
  dialog.onclose = () => { dialog.remove(); window.pywebview.api.answer('stay'); };
  dialog.onkeydown = (event) => event.stopPropagation();
  dialog.onclick = (event) => { if (event.target === dialog) dialog.close(); };
  dialog.showModal();
}
