"""Slow, obvious versions of the measures and estimates for series, for the tests to compare with."""

import itertools
import math

import numpy as np


def segments(mask):
    """Lists of the neighbouring indices that are marked."""
    groups = itertools.groupby(range(len(mask)), key=lambda t: bool(mask[t]))
    return [list(group) for marked, group in groups if marked]


def vus(scores, labels, window):
    """(VUS-ROC, VUS-PR): the areas of every buffer, averaged."""
    ranked = sorted(scores, reverse=True)
    # Equal thresholds would follow each other and add an area of no width.
    thresholds = sorted({ranked[int(rank)] for rank in np.linspace(0, len(ranked) - 1, 250)}, reverse=True)
    areas = [range_areas(scores, labels, buffer, thresholds) for buffer in range(window + 1)]
    return tuple(np.mean(areas, axis=0))


def range_areas(scores, labels, buffer, thresholds):
    """Areas under ROC (trapezoids) and precision-recall (steps) of labels widened by one buffer."""
    weights = [label_weight(t, labels, buffer) for t in range(len(labels))]
    places = joined_segments(labels, buffer // 2)
    last_tpr = last_fpr = roc = pr = 0.0
    for threshold in thresholds:
        alarms = [t for t in range(len(scores)) if scores[t] >= threshold]
        true_alarms = sum(weights[t] for t in alarms)
        positives = sum(labels) + sum(weights[t] for t in alarms if not labels[t]) / 2
        found = sum(not place.isdisjoint(alarms) for place in places) / len(places)
        tpr = min(true_alarms / positives, 1) * found
        fpr = (len(alarms) - true_alarms) / (len(labels) - positives)
        roc += (fpr - last_fpr) * (tpr + last_tpr) / 2
        pr += (tpr - last_tpr) * true_alarms / len(alarms)
        last_tpr, last_fpr = tpr, fpr
    return roc + (1 - last_fpr) * (1 + last_tpr) / 2, pr


def label_weight(t, labels, buffer):
    if labels[t]:
        return 1.0
    distances = [min(abs(t - i) for i in segment) for segment in segments(labels)]
    return min(1.0, sum(math.sqrt(1 - d / buffer) for d in distances if d <= buffer // 2))


def joined_segments(labels, reach):
    """Sets of indices: the segments widened on both sides, those that share an index as one."""
    joined = []
    for segment in segments(labels):
        place = set(range(max(segment[0] - reach, 0), min(segment[-1] + reach, len(labels) - 1) + 1))
        if joined and joined[-1] & place:
            joined[-1] |= place
        else:
            joined.append(place)
    return joined


def period(values):
    """The highest local maximum of the autocorrelation from lag 4 to 399 in 6 .. 303, else 125; sums over pairs."""
    centred = np.asarray(values, float) - np.mean(values)
    autocovariance = [np.dot(centred[: len(centred) - lag], centred[lag:]) for lag in range(min(len(centred), 401))]
    inner = range(4, len(autocovariance) - 1)
    peaks = [n for n in inner if autocovariance[n - 1] < autocovariance[n] > autocovariance[n + 1]]
    best = max(peaks, key=lambda lag: autocovariance[lag], default=0)
    return best if 6 <= best <= 303 else 125


def f1(precision, recall):
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def range_f1(predicted, labels):
    def reward(ranges, others, alpha):
        total = 0.0
        for one in ranges:
            shared = [len(set(one) & set(other)) for other in others if set(one) & set(other)]
            if shared:
                total += alpha + (1 - alpha) * sum(shared) / len(one) / len(shared)
        return total / len(ranges)

    alarms, truth = segments(predicted), segments(labels)
    return f1(reward(alarms, truth, 0.0), reward(truth, alarms, 0.2)) if alarms else 0.0


def affiliation_f1(predicted, labels, steps=20):
    """Every moment of a fine grid is compared with all other moments of its zone; exact but for the grid."""
    x = (np.arange(len(labels) * steps) + 0.5) / steps
    alarmed = np.repeat(np.asarray(predicted, bool), steps)
    to_truth = np.stack([np.maximum(0, np.maximum(s[0] - x, x - s[-1] - 1)) for s in segments(labels)])
    nearest = to_truth.argmin(axis=0)
    precisions, recalls = [], []
    for number, distance in enumerate(to_truth):
        zone = nearest == number
        alarms = x[zone & alarmed]
        if not len(alarms):
            recalls.append(0.0)
            continue
        precisions.append(np.mean([np.mean(distance[zone] >= d) for d in distance[zone & alarmed]]))
        recalls.append(np.mean([np.mean(abs(x[zone] - y) >= abs(alarms - y).min()) for y in x[distance == 0]]))
    return f1(np.mean(precisions), np.mean(recalls)) if precisions else 0.0


def point_adjusted_f1(predicted, labels):
    adjusted = {t for t, marked in enumerate(predicted) if marked}
    truth = {t for t, label in enumerate(labels) if label}
    for segment in segments(labels):
        if adjusted & set(segment):
            adjusted |= set(segment)
    return 2 * len(adjusted & truth) / (len(adjusted) + len(truth))
