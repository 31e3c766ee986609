.record
| first_of(.preferred_name, .first_name) as $given
| {
    externalId: .employee_id,
    userName: .work_email,
    name: {givenName: $given, familyName: words(.prefix, .last_name)},
    displayName: first_of(.display_name, words($given, .prefix, .last_name)),
    emails: ([
      (.work_email | email | values | {value: ., type: "work", primary: true}),
      (.private_email | email | values | {value: ., type: "home"})
    ] | if . == [] then null else . end),
    title: .job_title,
    userType: .employment_type,
    phoneNumbers: phones(.work_phone; .mobile),
    locale: .locale,
    timezone: .timezone,
    (enterprise): {
      employeeNumber: first_of(.employee_number, .employee_id),
      department: .department,
      division: .division,
      organization: .organization,
      costCenter: .cost_center,
      manager: manager(.manager_id; .employee_id)
    },
    (rosterd): {
      employmentState: .employment_state,
      startDate: .start_date,
      endDate: .end_date,
      knownAs: [.employee_number | values],
      managerKnownAs: first_of(.manager_known_as, .manager_email)
    }
  }
