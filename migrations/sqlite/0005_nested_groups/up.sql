-- Groups that are members of groups: few, and found, downward and upward, without reading the people.
CREATE INDEX memberships_nested ON memberships (tenant, group_id, generation, user_id) WHERE member_type = 'Group';
CREATE INDEX memberships_around ON memberships (tenant, user_id, group_id, generation) WHERE member_type = 'Group';

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('memberships', 'memberships_nested', '20000 20000 10 8 1'),
    ('memberships', 'memberships_around', '20000 20000 2 1 1');
