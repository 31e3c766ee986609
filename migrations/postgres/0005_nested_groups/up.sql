-- Groups that are members of groups: few, and found, downward and upward, without reading the people.
CREATE INDEX memberships_nested ON memberships (tenant, group_id, generation, user_id) WHERE member_type = 'Group';
CREATE INDEX memberships_around ON memberships (tenant, user_id, group_id, generation) WHERE member_type = 'Group';
