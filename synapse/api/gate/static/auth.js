// The code is in the fragment, which no server log, Referer or prefetcher sees; it is posted once and forgotten.
(async () => {
  const code = location.hash.slice(1);
  history.replaceState(null, '', '/auth');
  const fail = (sentence) => {
    document.getElementById('progress').hidden = true;
    const error = document.getElementById('error');
    error.textContent = sentence;
    error.hidden = false;
    document.getElementById('other').hidden = false;
  };
  if (!code) return fail('This link has no code. Run "python main.py open" for a fresh one.');
  try {
    const response = await fetch('/auth', {
      method: 'POST',
      headers: {'Content-Type': 'application/json'},
      body: JSON.stringify({code}),
      redirect: 'manual',
    });
    if (response.type === 'opaqueredirect' || response.ok) return location.replace('/');
    const {error} = await response.json();
    fail(`${error.message} ${error.hint}`.trim());
  } catch {
    fail('Synapse did not answer. Is it still running?');
  }
})();
