DROP TABLE invite_attributes;
DROP TABLE handoffs;
DROP TABLE given_values;
DROP TABLE invitation_links;
DROP TABLE invitations;
