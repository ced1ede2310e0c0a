"""What policies, holds and releases let be deleted, and when (SPEC 14). Times are those of entries, as text."""
import datetime

LAST = "2199-12-31T23:59:59.999999Z"
NEVER = float("inf")
# What genesis says: nothing may be deleted until a policy says otherwise.
KEEP_ALL = {"classes": {"default": {"min": NEVER, "age": "sealed"}}, "grace": 7, "redact any": False, "retroactive": False}


def later(at, days):
    """A time so many days behind another; what is beyond the last time that can be written is that one."""
    try:
        made = datetime.datetime.strptime(at, "%Y-%m-%dT%H:%M:%S.%fZ") + datetime.timedelta(days=days)
    except OverflowError:
        return LAST
    return min(made.isoformat(timespec="microseconds") + "Z", LAST)


def class_in(policy, name):
    return policy["classes"].get(name, policy["classes"]["default"])


def age_from(segment, policy):
    """From when on its age counts: its sealing, or its newest record, never later than that."""
    by_record = class_in(policy, segment["class"])["age"] == "record" and segment["span"]
    return min(segment["span"][1], segment["at"]) if by_record else segment["at"]


class Retention:
    def __init__(self):
        self.policies = [{"entry": 0, "policy": KEEP_ALL, "ends": None}]
        self.holds = {}

    @property
    def newest(self):
        return self.policies[-1]

    def add_policy(self, entry, policy):
        """The one before binds on for its own grace; genesis doesn't where a policy stands right behind it."""
        is_first = entry["index"] == 1
        self.newest["ends"] = entry["at"] if is_first else later(entry["at"], self.newest["policy"]["grace"])
        self.policies.append({"entry": entry["index"], "policy": policy, "ends": None})

    def add_hold(self, hold):
        known = hold["id"] in self.holds
        self.holds.setdefault(hold["id"], {**hold, "until": None})
        return not known

    def add_release(self, entry, hold):
        """It counts once the longest grace of all policies that bind then is over."""
        held = self.holds.get(hold)
        if held is None or held["until"] is not None:
            return False
        held["until"] = later(entry["at"], max(p["policy"]["grace"] for p in self.binding(entry["at"])))
        return True

    def binding(self, now):
        return [p for p in self.policies if p["ends"] is None or p["ends"] > now]

    def judges(self, segment, now):
        """All that bind, and the one its manifest names, unless all later ones that bind are retroactive."""
        binding = self.binding(now)
        own = next((p for p in self.policies if p["entry"] == segment["policy"]), self.policies[0])
        silent = all(p["entry"] <= own["entry"] or p["policy"]["retroactive"] for p in binding)
        return binding if silent or own in binding else [*binding, own]

    def allowed(self, segment, now, redact):
        for policy in (p["policy"] for p in self.judges(segment, now)):
            least = class_in(policy, segment["class"])["min"]
            if not (redact and policy["redact any"]) and (least == NEVER or later(age_from(segment, policy), least) > now):
                return False
        return True

    def held(self, segment, now):
        return any((h["until"] is None or h["until"] > now) and covers(h, segment) for h in self.holds.values())


def covers(hold, segment):
    if any(low <= segment["segment"] <= high for low, high in hold["segments"]):
        return True
    if hold["span"] is None:
        return False
    since, until = hold["span"]
    first, last = segment["span"] or (segment["at"], segment["at"])
    return (since is None or last >= since) and (until is None or first < until)
