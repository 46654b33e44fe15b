"""Slow, obvious versions of the fast paths, for the tests to compare with."""

import itertools

import numpy as np


def fold(windows, length, how="mean", percentile=99.0):
    """{frame index: folded frame} from a list of (start, window): collect all values of every frame, then reduce."""
    values = {}
    for start, window in windows:
        for i in range(length):
            values.setdefault(start + i, []).append(window[i])
    reducers = {
        "mean": lambda i: np.mean(values[i], axis=0),
        "max": lambda i: np.max(values[i], axis=0),
        "percentile": lambda i: np.percentile(values[i], percentile, axis=0),
    }
    return {i: reducers[how](i) for i in values}


def common_mode(difference, brightness, valid):
    """Medians and scatters of bins of pixels sorted by gray level, straight from the definition, interpolated."""
    level = np.rint(brightness * 256)
    pixels = np.random.default_rng(0).permutation(valid.sum())
    values, known = difference[valid][pixels], level[valid][pixels]
    ranked = np.argsort(known, kind="stable")
    size = len(ranked) // 32
    bins = [ranked[i * size : (i + 1) * size] for i in range(32)]
    centres = [known[b[size // 2]] for b in bins]
    medians = np.array([np.median(values[b]) for b in bins])
    scatter = np.array([1.4826 * np.median(np.abs(values[b] - m)) for b, m in zip(bins, medians, strict=True)])
    scatter = np.maximum(scatter, max(np.median(scatter) / 4, 1e-6))
    return np.interp(level, centres, medians), np.interp(level, centres, np.hypot(scatter, medians))


def flood_fill(mask):
    """Sets of (y, x) that touch each other, corners included."""
    todo = set(zip(*np.nonzero(mask), strict=True))
    regions = []
    while todo:
        stack, region = [todo.pop()], set()
        while stack:
            y, x = stack.pop()
            region.add((y, x))
            for dy, dx in itertools.product((-1, 0, 1), repeat=2):
                if (y + dy, x + dx) in todo:
                    todo.remove((y + dy, x + dx))
                    stack.append((y + dy, x + dx))
        regions.append(region)
    return regions


def bounds(region):
    """Half-open (x0, y0, x1, y1) of a set of (y, x)."""
    ys, xs = zip(*region, strict=True)
    return min(xs), min(ys), max(xs) + 1, max(ys) + 1


def iou(a, b):
    """Intersection over union of two (x0, y0, x1, y1), by counting pixels."""
    pixels = [set(itertools.product(range(x0, x1), range(y0, y1))) for x0, y0, x1, y1 in (a, b)]
    return len(pixels[0] & pixels[1]) / len(pixels[0] | pixels[1])


def merge_regions(regions, score, iou_thresh):
    """Join regions, strongest first, until no two of their boxes overlap by more than `iou_thresh`."""
    regions = sorted(regions, key=lambda r: (-max(score[p] for p in r), bounds(r)[1], bounds(r)[0]))
    for i, j in itertools.combinations(range(len(regions)), 2):
        if iou(bounds(regions[i]), bounds(regions[j])) > iou_thresh:
            joined = regions[i] | regions[j]
            return merge_regions([*regions[:i], joined, *regions[i + 1 : j], *regions[j + 1 :]], score, iou_thresh)
    return regions


def describe(region, score, high):
    """The fields of a Box, from the pixels of one region."""
    values = [float(score[p]) for p in region]
    return {
        "bounds": bounds(region),
        "peak": max(values),
        "mean": sum(values) / len(values),
        "area": len(region),
        "level": "high" if any(score[p] > high[p] for p in region) else "low",
        "x": sum(x * float(score[y, x]) for y, x in region) / sum(values),
        "y": sum(y * float(score[y, x]) for y, x in region) / sum(values),
    }


def link(frames, max_gap_frames, max_distance_px):
    """Tracks, each a list of (frame, box), from {frame: boxes}: every assignment is tried, then merges are settled."""
    tracks, open_tracks = [], []
    for frame in sorted(frames):
        boxes = frames[frame]
        open_tracks = [t for t in open_tracks if frame - t[-1][0] <= max_gap_frames + 1]
        chosen = best_assignment([t[-1][1] for t in open_tracks], boxes, max_distance_px)
        for t in sorted(set(range(len(open_tracks))) - set(chosen.values()), key=lambda t: -top(open_tracks[t])):
            covering = [b for b in chosen if covers(boxes[b], open_tracks[t][-1][1])]
            weaker = [b for b in sorted(covering) if top(open_tracks[chosen[b]]) < top(open_tracks[t])]
            if weaker:
                chosen[weaker[0]] = t
        for b, box in enumerate(boxes):
            if b in chosen:
                open_tracks[chosen[b]].append((frame, box))
            else:
                tracks.append([(frame, box)])
                open_tracks.append(tracks[-1])
    return tracks


class Tie(Exception):
    """Two answers are equally good, so that comparing with one of them proves nothing."""


def top(track):
    return max(box.peak for _, box in track)


def corners(box):
    return box.x0, box.y0, box.x1, box.y1


def covers(box, other):
    inside = set(itertools.product(range(other.x0, other.x1), range(other.y0, other.y1)))
    covered = [p for p in inside if box.x0 <= p[0] < box.x1 and box.y0 <= p[1] < box.y1]
    return len(covered) > len(inside) / 2


def best_assignment(lasts, boxes, max_distance_px):
    """{box number: track number} of the greatest total worth, by trying all."""

    def worth(last, box):
        overlap, distance = iou(corners(last), corners(box)), np.hypot(last.x - box.x, last.y - box.y)
        if overlap > 0:
            return 1 + overlap
        return 1 - distance / (max_distance_px + 1) if distance <= max_distance_px else None

    candidates = []
    slots = [*range(len(lasts)), *[None] * len(boxes)]
    for choice in set(itertools.permutations(slots, len(boxes))):
        pairs = {b: t for b, t in enumerate(choice) if t is not None}
        worths = [worth(lasts[t], boxes[b]) for b, t in pairs.items()]
        if None not in worths:
            candidates.append((sum(worths), pairs))
    (best, pairs), *others = sorted(candidates, key=lambda c: -c[0])
    if others and best - others[0][0] < 1e-9:
        raise Tie
    return pairs


def roc_auc(scores, labels):
    """How often an anomalous frame outranks a normal one, over all pairs; a tie counts half."""
    anomalous, normal = ([s for s, known in zip(scores, labels, strict=True) if known == which] for which in (1, 0))
    pairs = list(itertools.product(anomalous, normal))
    return sum(1.0 if a > n else 0.5 if a == n else 0.0 for a, n in pairs) / len(pairs)


def average_precision(scores, labels):
    """Sum over thresholds, from the highest score down, of precision times the step in recall."""
    total, last_recall = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        chosen = [label for score, label in zip(scores, labels, strict=True) if score >= threshold]
        recall = sum(chosen) / sum(labels)
        total += sum(chosen) / len(chosen) * (recall - last_recall)
        last_recall = recall
    return total


def event_scores(events, truth, tolerance_s):
    """(found truths, right events, delays) by looking at every pair."""
    found, delays = 0, []
    for start, end in truth:
        begins = [max(a, start - tolerance_s) for a, b in events if a <= end + tolerance_s and b >= start - tolerance_s]
        found += bool(begins)
        delays += [min(begins) - start] if begins else []
    right = sum(any(a <= t1 + tolerance_s and b >= t0 - tolerance_s for t0, t1 in truth) for a, b in events)
    return found, right, delays


def decimate(values, limit):
    """Indices of the smallest and the largest value of every bucket of equal length, at most `limit` of them."""
    if len(values) <= limit:
        return list(range(len(values)))
    size = -(-len(values) // (limit // 2))
    kept = set()
    for begin in range(0, len(values), size):
        bucket = [i for i in range(begin, min(begin + size, len(values))) if not np.isnan(values[i])]
        kept |= {min(bucket, key=lambda i: values[i]), max(bucket, key=lambda i: values[i])} if bucket else {begin}
    return sorted(kept)
