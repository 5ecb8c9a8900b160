"""The exercises of lesson 14: the return, the table's update, the policy gradient, and a loop."""

from __future__ import annotations

import numpy as np

from ngpu_lib.checks import Check

# 14.1


def _returns(rewards, gamma, later=0.0):
    found = []
    for reward in reversed(rewards):
        later = reward + gamma * later
        found.append(later)
    return found[::-1]


def _undiscounted(rewards, gamma):
    return _returns(rewards, 1.0)


def _forwards(rewards, gamma):
    return _returns(rewards[::-1], gamma)[::-1]


def _without_its_own(rewards, gamma):
    return [*_returns(rewards, gamma)[1:], 0.0]


def _discounted_at_once(rewards, gamma):
    return [gamma * value for value in _returns(rewards, gamma)]


def _by_the_start(rewards, gamma):
    return _returns([gamma**t * reward for t, reward in enumerate(rewards)], 1.0)


returns = Check(
    "14.1 returns",
    _returns,
    cases=[
        ([0.0, 1.0, 0.0, 1.0], 0.5),
        ([1.0, 1.0, 1.0], 0.9),
        ([2.0], 0.3),
        ([0.0, -1.0, 3.0, 0.5, 0.0], 0.8),
        ([1.0, 2.0, 4.0], 0.0),
        ([1.0, 2.0, 4.0], 1.0),
    ],
    mistakes=[
        (
            lambda rewards, gamma: _returns(rewards, gamma)[::-1],
            "The numbers are right, their order is not: the first step's return stands first.",
        ),
        (
            _undiscounted,
            "Later rewards count in full here; each step between takes a factor gamma.",
        ),
        (_forwards, "This adds up what came before a step; its return is what comes from then on."),
        (_without_its_own, "A step's own reward belongs to its return, undiscounted."),
        (
            _discounted_at_once,
            "Everything is discounted once too often: a step's own reward counts in full.",
        ),
        (
            _by_the_start,
            "The discount counts from the episode's start here; it counts from the step itself.",
        ),
        (
            lambda rewards, gamma: _returns(rewards, gamma)[0],
            "This is the return of the first step alone; one number for each step is wanted.",
        ),
    ],
)


# 14.2


def _q_update(row, action, reward, next_row, over, rate, gamma, *, best=max, heed_end=True):
    ahead = 0.0 if over and heed_end else gamma * best(next_row)
    new = list(row)
    new[action] += rate * (reward + ahead - new[action])
    return new


def _replaced(row, action, reward, next_row, over, rate, gamma):
    return _q_update(row, action, reward, next_row, over, 1.0, gamma)


def _without_itself(row, action, reward, next_row, over, rate, gamma):
    new = list(row)
    new[action] += rate * (reward + (0.0 if over else gamma * max(next_row)))
    return new


def _all_actions(row, action, reward, next_row, over, rate, gamma):
    target = reward + (0.0 if over else gamma * max(next_row))
    return [value + rate * (target - value) for value in row]


def _same_action(row, action, reward, next_row, over, rate, gamma):
    return _q_update(row, action, reward, [next_row[action]], over, rate, gamma)


def _number_alone(*arguments):
    return _q_update(*arguments)[arguments[1]]


_ROW, _NEXT = [0.5, -0.25, 1.0], [0.2, 2.0, 0.7]
q_update = Check(
    "14.2 q_update",
    _q_update,
    cases=[
        (_ROW, 2, 1.0, _NEXT, False, 0.1, 0.9),
        (_ROW, 0, 0.5, _NEXT, False, 0.3, 0.9),
        (_ROW, 2, 0.0, _NEXT, True, 0.5, 0.9),
        (_ROW, 1, -1.0, [-0.5, -3.0, -2.0], False, 0.25, 0.5),
        ([0.0, 0.0], 1, 1.0, [0.5, 0.25], True, 0.2, 1.0),
        ([0.3, 0.1], 0, 0.0, [0.4, 0.6], False, 1.0, 0.8),
    ],
    mistakes=[
        (
            lambda *arguments: _q_update(*arguments, heed_end=False),
            "After the end of an episode nothing follows: where `over` is true, the target is the reward.",
        ),
        (
            lambda *arguments: _q_update(*arguments, best=min),
            "This takes the worst of the next row; its best is what the agent could take.",
        ),
        (
            lambda *arguments: _q_update(*arguments, best=lambda row: sum(row) / len(row)),
            "This takes the next row's mean; its best is what the agent could take.",
        ),
        (
            _same_action,
            "This looks up the same action in the next row; there the best one counts.",
        ),
        (_replaced, "The old value is replaced; it should move a share `rate` of the way."),
        (
            _without_itself,
            "The target is added here; what has to be added is the way to it, target less value.",
        ),
        (_all_actions, "All values of the row move; only that of the action taken may."),
        (_number_alone, "This is the new number; return the whole row."),
        (
            lambda row, a, r, n, over, rate, gamma: _q_update(row, a, r, n, over, rate, 1.0),
            "What comes next is not discounted: gamma belongs before the next row's best.",
        ),
    ],
)


# 14.3


def _policy_gradient(chances_BA, actions_B, returns_B, baseline_B, *, one_hot=True):
    slopes_BA = -np.asarray(chances_BA, float)
    if one_hot:
        slopes_BA[np.arange(len(actions_B)), np.asarray(actions_B, int)] += 1
    return slopes_BA * (np.asarray(returns_B) - np.asarray(baseline_B))[:, None]


def _of_the_chances(chances_BA, actions_B, returns_B, baseline_B):
    slopes_BA = np.zeros_like(chances_BA)
    taken = np.arange(len(actions_B)), np.asarray(actions_B, int)
    slopes_BA[taken] = 1 / chances_BA[taken]
    return slopes_BA * (returns_B - baseline_B)[:, None]


def _action_alone(chances_BA, actions_B, returns_B, baseline_B):
    return _policy_gradient(np.zeros_like(chances_BA), actions_B, returns_B, baseline_B)


def _steps(count: int, actions: int, seed: int) -> tuple:
    rng = np.random.default_rng(seed)
    powers = np.exp(rng.normal(size=(count, actions)))
    chosen = rng.integers(0, actions, count)
    return (
        powers / powers.sum(1, keepdims=True),
        chosen,
        rng.normal(size=count).round(2) + 1.5,
        rng.normal(size=count).round(2),
    )


policy_gradient = Check(
    "14.3 policy_gradient",
    _policy_gradient,
    cases=[_steps(4, 3, 1), _steps(3, 6, 2), _steps(1, 2, 3), _steps(5, 4, 4)],
    mistakes=[
        (
            lambda chances, actions, returned, baseline: _policy_gradient(
                chances, actions, returned, np.zeros_like(baseline)
            ),
            "The weight is the whole return here; take the baseline away.",
        ),
        (
            lambda chances, actions, returned, baseline: _policy_gradient(
                chances, actions, returned, -np.asarray(baseline)
            ),
            "The baseline is added; it has to be taken away.",
        ),
        (
            lambda *arguments: -_policy_gradient(*arguments),
            "The sign is turned round: this would make what pays less likely.",
        ),
        (
            _action_alone,
            "The action's score rises and no other falls: the chances have to be taken away.",
        ),
        (
            lambda *arguments: _policy_gradient(*arguments, one_hot=False),
            "All scores fall here; the action's own needs a 1.",
        ),
        (
            _of_the_chances,
            "This is the slope in the chances; wanted is that in the scores, before the softmax.",
        ),
        (
            lambda *arguments: _policy_gradient(*arguments).sum(0),
            "The steps are added up; keep a row for each.",
        ),
    ],
)


# 14.4


def _find_loop(path, *, first=0):
    met = {}
    for step, place in enumerate(path):
        if place in met:
            return met[place] + first, step - met[place]
        met[place] = step
    return None


def _seen_alone(path):
    return _find_loop([place[-1] for place in path])


def _neighbours(path):
    for step in range(1, len(path)):
        if path[step] == path[step - 1]:
            return step - 1, 1
    return None


def _where_it_returns(path):
    found = _find_loop(path)
    return found and (sum(found), found[1])


def _no_none(path):
    return _find_loop(path) or (0, 0)


def _backwards(path):
    found = _find_loop(path)
    return found and found[::-1]


def _column_alone(path):
    return _find_loop([place[0] for place in path])


find_loop = Check(
    "14.4 find_loop",
    _find_loop,
    cases=[
        ([(0, 1, 2), (1, 1, 0), (2, 1, 2), (1, 1, 0), (2, 1, 2), (1, 1, 0)],),
        ([(0, 0, 1), (1, 0, 1), (2, 0, 1)],),
        ([(0, 0, 2), (0, 0, 2), (0, 0, 2)],),
        ([(0, 0, 1), (1, 0, 1), (1, 1, 1), (2, 1, 0), (3, 1, 2), (1, 1, 1), (2, 1, 0)],),
        ([(0, 0, 0)],),
        ([(0, 0, 1), (1, 0, 0), (0, 1, 1), (1, 1, 0), (0, 0, 1)],),
    ],
    mistakes=[
        (
            _seen_alone,
            "As much written as before is no loop yet: the head may stand elsewhere, or remember something else.",
        ),
        (
            _column_alone,
            "The same cell is no loop yet: the agent may remember something else by now.",
        ),
        (_neighbours, "This finds loops of one step alone; compare with all earlier places."),
        (
            _where_it_returns,
            "This is the step at which the loop closes; where was the same place met first?",
        ),
        (_no_none, "Where nothing comes twice there is no loop: None."),
        (_backwards, "The two numbers stand the other way round: first where, then how long."),
    ],
)
