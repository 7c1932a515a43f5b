// The code is in the fragment, which no server log, Referer or prefetcher sees; it is posted once and forgotten.
const signIn = async () => {
  const code = location.hash.slice(1);
  history.replaceState(null, '', 'auth'); // relative, as everything here: a proxy may have put us below a path
  const progress = document.getElementById('progress'), error = document.getElementById('error');
  progress.hidden = false;
  error.hidden = true;
  const fail = (sentence) => {
    progress.hidden = true;
    error.textContent = sentence;
    error.hidden = false;
    document.getElementById('other').hidden = false;
  };
  if (!code) return fail(document.body.dataset.noCode);
  try {
    const response = await fetch('auth', {
      method: 'POST',
      headers: {'Content-Type': 'application/json'},
      body: JSON.stringify({code}),
      redirect: 'manual',
    });
    if (response.type === 'opaqueredirect' || response.ok) return location.replace('./');
    const {error: refusal} = await response.json();
    fail(`${refusal.message} ${refusal.hint}`.trim());
  } catch {
    fail(document.body.dataset.noAnswer);
  }
};
signIn();
// A fresh link in the tab of a used one changes no more than the fragment.
addEventListener('hashchange', () => { if (location.hash) signIn(); });
