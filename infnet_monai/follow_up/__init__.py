"""Follow-up: the segmented scans of each patient in the order of their dates."""

from infnet_monai.follow_up.course import COLUMNS, course_table
from infnet_monai.follow_up.visits import Visit, read_visits, visits_from_headers
from infnet_monai.follow_up.write import FollowUp, follow_up

__all__ = ["COLUMNS", "FollowUp", "Visit", "course_table", "follow_up", "read_visits", "visits_from_headers"]
