// Clips of windows: looping movies, of a series reel a picture. All play, pause and step together.

export const player = { playing: !matchMedia("(prefers-reduced-motion: reduce)").matches, speed: 1, fps: 8 };

export function makeClip(reel, row, isSeries, label) {
  const made = document.createElement(isSeries ? "img" : "video");
  made.className = "picture";
  if (isSeries) {
    made.alt = label;
  } else {
    Object.assign(made, { muted: true, loop: true, playsInline: true, preload: "auto", disablePictureInPicture: true });
    made.setAttribute("aria-label", label);
    made.addEventListener("loadeddata", () => apply(made));
  }
  made.src = `/api/reels/${reel}/windows/${row.window}/clip`;
  return made;
}

// A movie that is thrown away still holds its decoder; this frees it at once.
export function dropClip(clip) {
  clip.pause?.();
  clip.removeAttribute("src");
  clip.load?.();
  clip.remove();
}

const movies = () => document.querySelectorAll("video");

function apply(movie) {
  movie.playbackRate = player.speed;
  if (player.playing) movie.play().catch(() => {}); // it was taken away before it could play
  else movie.pause();
}

export function applyAll() {
  movies().forEach(apply);
}

export function showFrame(index, inside = document) {
  for (const movie of inside.querySelectorAll("video")) movie.currentTime = (index + 0.5) / player.fps;
}

export const frameOf = (movie) => Math.floor(movie.currentTime * player.fps + 1e-6);

export function step(by) {
  for (const movie of movies()) {
    const count = Math.round(movie.duration * player.fps) || 1;
    movie.currentTime = (((frameOf(movie) + by + count) % count) + 0.5) / player.fps;
  }
}
