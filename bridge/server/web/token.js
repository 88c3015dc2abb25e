// The API token, of the link that the server prints or as it was typed, kept for this tab.

export function tokenOfAddress() {
  // Takes the token out of the address bar, so that it is in no bookmark, and keeps it for reloads of this tab.
  const url = new URL(location.href);
  const given = url.searchParams.get("token");
  if (given === null) return sessionStorage.getItem("token") ?? "";
  url.searchParams.delete("token");
  history.replaceState(null, "", url);
  sessionStorage.setItem("token", given);
  return given;
}

export function keepToken(token) {
  sessionStorage.setItem("token", token);
}
