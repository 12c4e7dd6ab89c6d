- dashboard: broadcasts_overview
  title: Broadcasts overview
  layout: newspaper
  preferred_viewer: dashboards-next
  filters:
    - name: Sent
      title: Sent
      type: field_filter
      default_value: 90 days
      model: chatfuel
      explore: fct_chatfuel__broadcasts
      field: fct_chatfuel__broadcasts.sent_date
  elements:
    - name: rates
      title: Opened, clicked, failed
      type: looker_line
      model: chatfuel
      explore: fct_chatfuel__broadcasts
      fields: [fct_chatfuel__broadcasts.sent_date, fct_chatfuel__broadcasts.overall_open_rate, fct_chatfuel__broadcasts.overall_click_rate, fct_chatfuel__broadcasts.overall_failure_rate]
      listen:
        Sent: fct_chatfuel__broadcasts.sent_date
      row: 0
      col: 0
      width: 24
      height: 8
    - name: broadcasts
      title: Broadcasts
      type: looker_grid
      model: chatfuel
      explore: fct_chatfuel__broadcasts
      fields: [fct_chatfuel__broadcasts.sent_at_time, fct_chatfuel__broadcasts.message, fct_chatfuel__broadcasts.audience, fct_chatfuel__broadcasts.broadcast_recipients, fct_chatfuel__broadcasts.broadcast_opened, fct_chatfuel__broadcasts.broadcast_clicked, fct_chatfuel__broadcasts.broadcast_failed, fct_chatfuel__broadcasts.broadcast_lost]
      sorts: [fct_chatfuel__broadcasts.sent_at_time desc]
      listen:
        Sent: fct_chatfuel__broadcasts.sent_date
      row: 8
      col: 0
      width: 24
      height: 12
