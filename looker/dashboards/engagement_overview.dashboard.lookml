- dashboard: engagement_overview
  title: Engagement overview
  layout: newspaper
  preferred_viewer: dashboards-next
  filters:
    - name: Day
      title: Day
      type: field_filter
      default_value: 28 days
      model: chatfuel
      explore: fct_chatfuel__daily_kpi_values
      field: fct_chatfuel__daily_kpi_values.date_date
  elements:
    - name: users_a_day
      title: Users a day
      type: looker_line
      model: chatfuel
      explore: fct_chatfuel__daily_kpi_values
      fields: [fct_chatfuel__daily_kpi_values.date_date, fct_chatfuel__daily_kpi_values.kpi, fct_chatfuel__daily_kpi_values.kpi_users]
      pivots: [fct_chatfuel__daily_kpi_values.kpi]
      filters:
        fct_chatfuel__daily_kpi_values.kpi: "new^_subscribers,active^_users,blocked,unsubscribed"
      listen:
        Day: fct_chatfuel__daily_kpi_values.date_date
      row: 0
      col: 0
      width: 24
      height: 8
    - name: steps_a_day
      title: Steps of engagement reached
      type: looker_column
      model: chatfuel
      explore: fct_chatfuel__daily_kpi_values
      fields: [fct_chatfuel__daily_kpi_values.date_date, fct_chatfuel__daily_kpi_values.kpi, fct_chatfuel__daily_kpi_values.kpi_users]
      pivots: [fct_chatfuel__daily_kpi_values.kpi]
      filters:
        fct_chatfuel__daily_kpi_values.kpi: "lead,hot^_lead,advocate,hero"
      listen:
        Day: fct_chatfuel__daily_kpi_values.date_date
      row: 8
      col: 0
      width: 12
      height: 8
    - name: reachable_by_platform
      title: Users by platform and status
      type: looker_bar
      model: chatfuel
      explore: dim_chatfuel__users
      fields: [dim_chatfuel__users.platform, dim_chatfuel__users.status, dim_chatfuel__users.count]
      pivots: [dim_chatfuel__users.status]
      row: 8
      col: 12
      width: 12
      height: 8
